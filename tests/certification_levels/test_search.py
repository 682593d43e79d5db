"""Random networks, certified, against searches for what is not so."""

import keras
import numpy as np
import pytest
from keras import layers
from level_networks import decider

import keras_lipschitz as kl

GRAPHS = 200
CHUNKS = 20


class RandomNetwork:
    """A small network and, apart from Keras, what it computes in float64."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        keras.utils.set_random_seed(seed)
        self.inputs = int(self.random.integers(1, 6))
        x = keras.Input((self.inputs,))
        tensor, compute = x, lambda x: x
        for _ in range(self.random.integers(1, 5)):
            tensor, compute = self._block(tensor, compute)
        classes = int(self.random.integers(2, 5))
        tensor, compute = self._dense(tensor, compute, classes)
        self.base, self.compute = keras.Model(x, tensor), compute

    def _block(self, tensor, compute):
        blocks = [
            self._activated_dense,
            self._residual,
            self._joined,
            self._scaled,
            self._sorted,
            self._convolved,
        ]
        return blocks[self.random.integers(len(blocks))](tensor, compute)

    def _dense(self, tensor, compute, units):
        layer = layers.Dense(units, bias_initializer="normal")
        output = layer(tensor)
        scale = 10.0 ** self.random.uniform(-3, 3)
        layer.set_weights([w * scale for w in layer.get_weights()])
        kernel, bias = (w.astype("float64") for w in layer.get_weights())
        return output, lambda x: compute(x) @ kernel + bias

    def _units(self):
        return 2 * int(self.random.integers(1, 5))

    def _activated_dense(self, tensor, compute):
        output, before = self._dense(tensor, compute, self._units())
        if self.random.random() < 0.5:
            return layers.ReLU()(output), lambda x: np.maximum(before(x), 0)
        output = layers.LeakyReLU(0.25)(output)
        return output, lambda x: np.maximum(before(x), 0.25 * before(x))

    def _residual(self, tensor, compute):
        branch, added = self._dense(tensor, compute, tensor.shape[-1])
        output = layers.Add()([tensor, branch])
        return output, lambda x: compute(x) + added(x)

    def _joined(self, tensor, compute):
        branch, added = self._dense(tensor, compute, 2)
        output = layers.Concatenate()([branch, tensor])
        return output, lambda x: np.concatenate([added(x), compute(x)], axis=-1)

    def _scaled(self, tensor, compute):
        output = layers.Rescaling(0.125, offset=-0.5)(tensor)
        return output, lambda x: 0.125 * compute(x) - 0.5

    def _sorted(self, tensor, compute):
        output, before = self._dense(tensor, compute, self._units())
        output = kl.layers.GroupSort(2)(output)
        return output, lambda x: np.sort(
            before(x).reshape(len(x), -1, 2), axis=-1
        ).reshape(len(x), -1)

    def _convolved(self, tensor, compute):
        size = tensor.shape[-1]
        signal = layers.Reshape((size, 1))(tensor)
        layer = layers.Conv1D(2, 3, padding="same", bias_initializer="normal")
        output = layers.Flatten()(layer(signal))
        kernel, bias = (w.astype("float64") for w in layer.get_weights())

        def convolve(x):
            padded = np.pad(compute(x), ((0, 0), (1, 1)))
            windows = [padded[:, t : t + size, None] for t in range(3)]
            return sum(
                w * k for w, k in zip(windows, kernel[:, 0], strict=True)
            )

        def flat(x):
            return (convolve(x) + bias).reshape(len(x), -1)

        return output, flat


def smallest_margins(network, x, labels, radii, steps=12):
    """Searches each ball for the smallest margin of its label, in float64.

    Returns:
        `(margins, points)`: the smallest of each sample, and where it is.
    """
    x, radii = x[:, None].astype("float64"), radii[:, None, None]
    points = np.repeat(x, 24, axis=1)
    points[:, 1:] += _on_sphere(network.random, points[:, 1:].shape) * radii
    best, where = np.full(len(x), np.inf), x[:, 0].copy()
    # Central differences: the networks are linear in pieces.
    width = 1e-6 * np.maximum(radii, 1e-12)
    apart = np.eye(network.inputs) * width[..., None]
    for step in range(steps):
        points = _into_ball(points, x, radii)
        margins = _margins(network, points, labels)
        lowest = margins.argmin(axis=1)[:, None]
        margin = np.take_along_axis(margins, lowest, axis=1)[:, 0]
        place = np.take_along_axis(points, lowest[..., None], axis=1)[:, 0]
        better = margin < best
        best = np.where(better, margin, best)
        where = np.where(better[:, None], place, where)
        ahead = _margins(network, points[:, :, None] + apart, labels)
        behind = _margins(network, points[:, :, None] - apart, labels)
        slope = (ahead - behind) / (2 * width)
        size = np.linalg.norm(slope, axis=-1, keepdims=True)
        stride = radii / (1 + step / 3)
        points = points - stride * slope / np.where(size > 0, size, 1)
    return best, where


def _on_sphere(random, shape):
    x = random.standard_normal(shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _into_ball(points, x, radii):
    moved = points - x
    size = np.linalg.norm(moved, axis=-1, keepdims=True)
    limit = radii * (1 - 1e-9)
    return x + moved * np.minimum(1, limit / np.where(size > 0, size, 1))


def _margins(network, points, labels):
    """Of every point `(samples, ..., inputs)`, how far its label is ahead."""
    logits = network.compute(points.reshape(-1, points.shape[-1]))
    logits = logits.reshape(*points.shape[:-1], -1)
    return _ahead(logits, labels.reshape(-1, *[1] * (logits.ndim - 2)))


def _ahead(logits, labels):
    is_label = np.arange(logits.shape[-1]) == labels[..., None]
    own = np.where(is_label, logits, -np.inf).max(axis=-1)
    return own - np.where(is_label, -np.inf, logits).max(axis=-1)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_certified_decision_is_wrong(chunk):
    found = 0
    for seed in range(chunk, GRAPHS, CHUNKS):
        network = RandomNetwork(seed)
        x = network.random.standard_normal((6, network.inputs))
        x = x.astype("float32")
        label, radius = decider(network.base, "R")(x)
        logits = network.compute(x.astype("float64"))
        np.testing.assert_array_equal(label, logits.argmax(axis=1))
        some = (radius > 0) & np.isfinite(radius)
        if not some.any():
            continue
        margins, _ = smallest_margins(
            network, x[some], label[some], radius[some]
        )
        sizes = np.abs(logits[some]).max(axis=1)
        assert (margins > -1e-12 * sizes).all()
        found += some.sum()
    assert found > 0


@pytest.mark.parametrize("chunk", range(CHUNKS // 4))
def test_no_deployed_decision_is_wrong(chunk):
    """What F32 certifies, Keras predicts, all over the ball."""
    for seed in range(chunk, GRAPHS // 4, CHUNKS // 4):
        network = RandomNetwork(seed)
        x = network.random.standard_normal((6, network.inputs))
        x = x.astype("float32")
        label, radius = decider(network.base, "F32")(x)
        some = np.isfinite(radius)
        if not some.any():
            continue
        x, labels, radii = x[some], label[some], radius[some]
        _, worst = smallest_margins(network, x, labels, radii, 6)
        x, radii = x[:, None].astype("float64"), radii[:, None, None]
        near = np.repeat(x, 64, axis=1)
        near[:, 0] = worst
        near[:, 1:] += _on_sphere(network.random, near[:, 1:].shape) * radii
        near = _into_ball(near, x, radii).astype("float32")
        # float32 may have moved a point out of the ball again.
        inside = np.linalg.norm(near - x, axis=-1) < radii[..., 0]
        if inside.any():
            logits = network.base.predict_on_batch(near[inside])
            label = np.repeat(labels[:, None], 64, axis=1)[inside]
            assert (_ahead(logits, label) > 0).all()


def test_search_finds_what_is_wrong():
    """The same search breaks radii that are a little too large."""
    broken = 0
    for seed in range(30):
        network = RandomNetwork(seed)
        x = network.random.standard_normal((4, network.inputs))
        x = x.astype("float32")
        label, radius = decider(network.base, "R")(x)
        some = (radius > 0) & np.isfinite(radius)
        if not some.any():
            continue
        for factor in (1.01, 1.5, 3.0):
            margins, _ = smallest_margins(
                network, x[some], label[some], factor * radius[some]
            )
            broken += (margins < 0).sum()
    assert broken > 20
