"""Layers of distances in the l_inf norm, and the shifts between them."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import distance

from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.certification.norms.operators import same_padding
from keras_lipschitz.layers.linf_dist import LInfDist
from keras_lipschitz.layers.linf_dist_conv2d import LInfDistConv2D
from keras_lipschitz.layers.mean_shift import MeanShift

# How many boxes to look at together: their distances fit a cache.
_BLOCK = 128


@register_evaluation(LInfDist)
def linf_dist(layer, step):
    return _distances(layer, lambda x: x)


@register_evaluation(LInfDistConv2D)
def linf_dist_conv2d(layer, step):
    return _distances(layer, lambda x: patches_of(layer, x))


def _distances(layer, patches):
    """Each distance is one difference, and the bias one more sum."""
    kernel = host_array(layer.kernel)
    points = kernel.reshape(-1, kernel.shape[-1]).T
    bias = np.zeros(len(points))
    if layer.bias is not None:
        bias = host_array(layer.bias)
    first = getattr(layer, "data_format", None) == "channels_first"

    def compute(x):
        x = patches(x)
        rows = x.reshape(-1, x.shape[-1])
        y = distance.cdist(rows, points, "chebyshev") + bias
        y = y.reshape(*x.shape[:-1], len(points))
        return np.moveaxis(y, -1, 1) if first else y

    def box(ends):
        lower, upper = (patches(end) for end in ends)
        shape = (*lower.shape[:-1], len(points))
        near, far = distance_bounds(
            lower.reshape(-1, lower.shape[-1]),
            upper.reshape(-1, upper.shape[-1]),
            points,
        )
        ends = (y.reshape(shape) + bias for y in (near, far))
        return tuple(np.moveaxis(y, -1, 1) if first else y for y in ends)

    offset = np.abs(points).max(axis=1) + np.abs(bias)
    return Evaluation(compute, roundings=2, offset=offset, box=box)


def distance_bounds(lower, upper, points):
    """The smallest and the largest l_inf distance from each point in boxes.

    Args:
        lower: Array `(boxes, entries)`.
        upper: Array of the same shape.
        points: Array `(points, entries)`.

    Returns:
        Two arrays `(boxes, points)`.
    """
    far = np.maximum(
        distance.cdist(lower, points, "chebyshev"),
        distance.cdist(upper, points, "chebyshev"),
    )
    near = np.zeros_like(far)
    for start in range(0, len(lower), _BLOCK):
        rows = slice(start, start + _BLOCK)
        closest, gap = near[rows], np.empty_like(near[rows])
        # One entry at a time: the differences of all would fill the memory.
        for low, high, w in zip(
            lower[rows].T, upper[rows].T, points.T, strict=True
        ):
            np.subtract(low[:, None], w, out=gap)
            np.maximum(closest, gap, out=closest)
            np.subtract(w, high[:, None], out=gap)
            np.maximum(closest, gap, out=closest)
    return near, far


def patches_of(layer, x):
    """Array `(batch, height, width, patch)` of what filters look at."""
    if layer.data_format == "channels_first":
        x = np.moveaxis(x, 1, -1)
    if layer.padding == "same":
        widths = [
            same_padding(n, k, s)
            for n, k, s in zip(
                x.shape[1:3], layer.kernel_size, layer.strides, strict=True
            )
        ]
        x = np.pad(x, ((0, 0), *widths, (0, 0)))
    windows = sliding_window_view(x, layer.kernel_size, axis=(1, 2))
    down, right = layer.strides
    windows = np.moveaxis(windows[:, ::down, ::right], 3, -1)
    return windows.reshape(*windows.shape[:3], -1)


@register_evaluation(MeanShift)
def mean_shift(layer, step):
    shape = [1] * len(step.input_shapes[0])
    shape[layer.axis] = -1
    mean = host_array(layer.moving_mean).reshape(shape)
    return Evaluation(lambda x: x - mean, roundings=1, offset=np.abs(mean))
