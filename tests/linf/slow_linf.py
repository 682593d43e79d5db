"""Slow truths about nets of l_inf distances, in NumPy and float64."""

import itertools
import math

import keras
import numpy as np

import keras_lipschitz as kl


def to_numpy(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


def distances(x, w, p):
    """`||x_b - w_o||_p` of rows of `x` and columns of `w`, one by one."""
    y = np.zeros((len(x), w.shape[1]))
    for b, o in itertools.product(*map(range, y.shape)):
        gap = np.abs(x[b] - w[:, o])
        largest = gap.max()
        if p == math.inf or largest == 0.0:
            y[b, o] = largest
        else:
            y[b, o] = largest * np.sum((gap / largest) ** p) ** (1 / p)
    return y


def patch_distances(x, w, p, strides, padding):
    """Distances of the patches of channels-last images, one by one."""
    (kh, kw, _, filters), (sh, sw) = w.shape, strides
    if padding == "same":
        widths = []
        for n, k, s in zip(x.shape[1:3], (kh, kw), strides, strict=True):
            extra = max((math.ceil(n / s) - 1) * s + k - n, 0)
            widths.append((extra // 2, extra - extra // 2))
        x = np.pad(x, ((0, 0), *widths, (0, 0)))
    rows = range(0, x.shape[1] - kh + 1, sh)
    columns = range(0, x.shape[2] - kw + 1, sw)
    y = np.zeros((len(x), len(rows), len(columns), filters))
    for (a, i), (b, j) in itertools.product(
        enumerate(rows), enumerate(columns)
    ):
        patch = x[:, i : i + kh, j : j + kw].reshape(len(x), -1)
        y[:, a, b] = distances(patch, w.reshape(-1, filters), p)
    return y


def small_net(p=8.0, units=(16, 16), std=0.5, mlp_units=None):
    """A net for `small_images`."""
    return kl.models.linf_dist_net(
        (6, 6, 1), 3, units, mean=0.3, std=std, p=p, mlp_units=mlp_units
    )


def small_images(samples=192, seed=0):
    """Images of a bright row whose position is the label, with noise."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, samples)
    x = 0.2 * random.random((samples, 6, 6, 1))
    x[np.arange(samples), 2 * y] += 0.7
    return x.astype("float32"), y


def optimizer(rate=0.02):
    return kl.optimizers.LInfAdam(rate)


def shaken(base, size=0.3, seed=0):
    """Gives every float weight of a network, means included, some noise."""
    random = np.random.default_rng(seed)
    for variable in base.weights:
        if variable.name != "p":
            noise = size * random.normal(size=variable.shape)
            variable.assign(to_numpy(variable) + noise)
    return base
