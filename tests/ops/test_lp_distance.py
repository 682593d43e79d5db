"""Distances and gradients against float64, by every code there is."""

import functools
import math

import distance_gradients
import keras
import numpy as np
import pytest
import slow_distances
from keras import ops

from keras_lipschitz.ops import lp_distance
from keras_lipschitz.ops.lp_distance import choice

BACKEND = keras.backend.backend()
# Small ones are broadcast. Large ones are computed in tiles; the last chunk,
# tile and block have to be filled up.
SMALL, LARGE = (5, 7, 3), (130, 18, 1030)


@functools.cache
def compiled(training):
    """One function for all `p`, a tensor."""

    def distance(x, w, p):
        return lp_distance(x, w, p, training=training)

    return distance_gradients.differentiable(distance)


def problem(shape, scale=1.0):
    rows, inputs, columns = shape
    random = np.random.default_rng(0)
    x = scale * random.normal(size=(rows, inputs))
    w = scale * random.normal(size=(inputs, columns))
    # All differences of a pair vanish.
    x[0] = w[:, 0]
    # All of another tie. PyTorch's own kernel does not choose one.
    if BACKEND != "torch":
        x[1], w[:, 1] = scale, -scale
    g = random.normal(size=(rows, columns))
    return [a.astype("float32") for a in (g, x, w)]


@pytest.mark.multi_backend
@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_value_and_gradient(shape):
    for p, scale in [
        (8.0, 1e-6),
        (8.0, 1e6),
        (21.5, 1.0),
        (100.0, 1e-6),
        (1000.0, 1.0),
        (1000.0, 1e6),
        (math.inf, 1e-6),
        (math.inf, 1.0),
    ]:
        g, x, w = problem(shape, scale)
        y, (dx, dw, dp) = compiled(True)(g, x, w, np.float32(p))
        np.testing.assert_allclose(
            y, slow_distances.value(x, w, p), rtol=1e-6, err_msg=f"p = {p}"
        )
        assert np.all(y[0, 0] == 0.0)
        for found, expected in zip(
            (dx, dw), slow_distances.gradients(x, w, p, g), strict=True
        ):
            error = distance_gradients.relative_error(found, expected)
            assert error < 1e-3, (p, scale)
        assert dp is None or dp == 0.0


@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_gradient_without_training(shape):
    arrays = *problem(shape), np.float32(math.inf)
    (y, (dx, dw, _)), (y2, (dx2, dw2, _)) = (
        compiled(training)(*arrays) for training in (True, False)
    )
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(dx, dx2)
    np.testing.assert_array_equal(dw, dw2)


def test_gradient_in_blocks(monkeypatch):
    """As where a batch is too large, or its size not known."""
    arrays = *problem(LARGE), np.float32(math.inf)
    _, (dx, dw, _) = compiled(True)(*arrays)
    monkeypatch.setattr(choice, "_LOOKED_UP", 1)
    in_blocks = distance_gradients.differentiable(
        lambda x, w, p: lp_distance(x, w, p, training=True)
    )
    _, (dx2, dw2, _) = in_blocks(*arrays)
    np.testing.assert_array_equal(dx, dx2)
    np.testing.assert_allclose(dw, dw2, atol=1e-5)


def test_gradient_is_the_limit_of_differences():
    g, x, w = (a.astype("float64") for a in problem(SMALL))
    x, g = x[2:], g[2:]
    step = 1e-6
    for p in (1.0, 2.5, 8.0, 20.0, math.inf):
        run = distance_gradients.differentiable(
            lambda x, w, p=p: lp_distance(x, w, p)
        )
        _, gradients = run(g, x, w)
        for i, array in enumerate((x, w)):
            for entry in np.ndindex(array.shape):
                ends = []
                for move in (step, -step):
                    moved = [x.copy(), w.copy()]
                    moved[i][entry] += move
                    ends.append((g * slow_distances.value(*moved, p)).sum())
                slope = (ends[0] - ends[1]) / (2 * step)
                assert abs(gradients[i][entry] - slope) < 1e-4


@pytest.mark.multi_backend
def test_leading_axes_and_precision():
    random = np.random.default_rng(1)
    x = random.normal(size=(2, 4, 7)).astype("float16")
    w = random.normal(size=(7, 3)).astype("float32")
    y = lp_distance(ops.convert_to_tensor(x), w, 8)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    truth = slow_distances.value(x.reshape(8, 7), w, 8).reshape(2, 4, 3)
    np.testing.assert_allclose(ops.convert_to_numpy(y), truth, rtol=1e-6)


def test_double_precision():
    _, x, w = problem(SMALL)
    y = lp_distance(x.astype("float64"), w, 1000.0)
    np.testing.assert_allclose(
        y, slow_distances.value(x, w, 1000.0), rtol=1e-12
    )


@pytest.mark.parametrize("p", [0.5, 0, -1, math.nan, -math.inf])
def test_refuses_what_is_no_norm(p):
    with pytest.raises(ValueError, match="`p` to be at least 1, or infinite"):
        lp_distance(np.ones((2, 3), "float32"), np.ones((3, 4)), p)


def test_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(2, 3\), w of shape \(4, 3\)"):
        lp_distance(np.ones((2, 3), "float32"), np.ones((4, 3)), 8.0)
