"""Intervals of distances against the corners and insides of boxes."""

import distance_gradients
import numpy as np
import pytest
import slow_distances
from keras import ops

from keras_lipschitz.ops import linf_distance_bounds
from keras_lipschitz.ops import linf_distance_bounds_conv2d


def box(shape, seed=0):
    random = np.random.default_rng(seed)
    centre = random.normal(size=shape)
    radius = random.uniform(0.0, 0.8, size=shape)
    ends = centre - radius, centre + radius
    return [a.astype("float32") for a in ends]


def truth(lower, upper, w):
    """Bounds by cases: the weight is left of, right of or in the interval."""
    low, high, at = lower[:, :, None], upper[:, :, None], w
    nearest = np.clip(at, low, high)
    farthest = np.where(at - low > high - at, low, high)
    return (
        np.abs(nearest - at).max(axis=1),
        np.abs(farthest - at).max(axis=1),
    )


@pytest.mark.multi_backend
@pytest.mark.parametrize("shape", [(4, 6, 5), (130, 18, 1030)])
def test_bounds_and_gradients(shape):
    rows, inputs, columns = shape
    lower, upper = box((rows, inputs))
    random = np.random.default_rng(1)
    w = random.normal(size=(inputs, columns)).astype("float32")
    g = random.normal(size=(rows, 2 * columns)).astype("float32")

    def joined(lower, upper, w):
        bounds = linf_distance_bounds(lower, upper, w, training=True)
        return ops.concatenate(bounds, axis=1)

    y, gradients = distance_gradients.differentiable(joined)(g, lower, upper, w)
    expected = np.concatenate(truth(lower, upper, w), axis=1)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-7)

    # Along a direction, where no maximum changes its argument.
    step = 1e-6
    arrays = [a.astype("float64") for a in (lower, upper, w)]
    directions = [random.normal(size=a.shape) for a in arrays]
    values = [
        np.concatenate(
            truth(
                *(a + move * d for a, d in zip(arrays, directions, strict=True))
            ),
            axis=1,
        )
        for move in (step, -step)
    ]
    slope = (g * (values[0] - values[1])).sum() / (2 * step)
    found = sum(
        (gradient * d).sum()
        for gradient, d in zip(gradients, directions, strict=True)
    )
    np.testing.assert_allclose(found, slope, rtol=1e-3, atol=1e-2)


@pytest.mark.multi_backend
def test_images():
    lower, upper = box((2, 5, 6, 3))
    random = np.random.default_rng(2)
    w = random.normal(size=(3, 3, 3, 4)).astype("float32")
    arguments = ((2, 1), "same")
    bounds = linf_distance_bounds_conv2d(lower, upper, w, *arguments)
    near, far = map(ops.convert_to_numpy, bounds)
    expected = truth(
        *(
            slow_distances.patches(a, (3, 3), *arguments).reshape(-1, 27)
            for a in (lower, upper)
        ),
        w.reshape(27, 4),
    )
    np.testing.assert_allclose(near.reshape(-1, 4), expected[0], rtol=1e-6)
    np.testing.assert_allclose(far.reshape(-1, 4), expected[1], rtol=1e-6)


def test_are_attained_and_no_wider_than_the_box():
    lower, upper = box((1, 2), seed=3)
    w = np.array([[0.3, -2.0, 0.1], [0.2, 0.1, 3.0]], "float32")
    near, far = map(np.asarray, linf_distance_bounds(lower, upper, w))
    ends = zip(lower[0], upper[0], strict=True)
    grid = np.meshgrid(*(np.linspace(*end, 401) for end in ends))
    points = np.stack([axis.ravel() for axis in grid], axis=1)
    values = slow_distances.value(points, w, np.inf)
    assert np.all((near <= values + 1e-6) & (values <= far + 1e-6))
    np.testing.assert_allclose(values.min(axis=0), near[0], atol=1e-2)
    np.testing.assert_allclose(values.max(axis=0), far[0], atol=1e-6)
    assert np.all(far - near <= (upper - lower).max() + 1e-6)
