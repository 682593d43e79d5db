"""The operations below local bounds, against explicit matrices."""

import numpy as np
import pytest
from keras import ops
from scipy import optimize

from keras_lipschitz import layers
from keras_lipschitz.ops.ball_and_box import ball_and_box_maximum
from keras_lipschitz.ops.masked_power_method import masked_norms
from keras_lipschitz.ops.masked_power_method import row_norms

CASES = [
    (layers.LipschitzDense(7), (None, 9)),
    (layers.LipschitzConv2D(3, 3, strides=2, padding="same"), (None, 5, 6, 2)),
    (layers.LipschitzDepthwiseConv2D(2, padding="valid"), (None, 4, 4, 3)),
]


def matrix_of(linear_map):
    size = int(np.prod(linear_map.input_shape))
    eye = np.eye(size, dtype="float32").reshape(size, *linear_map.input_shape)
    images = ops.convert_to_numpy(linear_map.apply(eye, linear_map.kernel))
    return images.reshape(size, -1).T


@pytest.mark.multi_backend
@pytest.mark.parametrize("layer, shape", CASES)
def test_norms_of_every_sample_are_those_of_its_own_part(layer, shape):
    layer.build(shape)
    linear_map = layer.linear_map(shape)
    matrix = matrix_of(linear_map)
    np.testing.assert_allclose(
        ops.convert_to_numpy(row_norms(linear_map, linear_map.kernel)).ravel(),
        np.linalg.norm(matrix, axis=1),
        rtol=1e-5,
    )
    random = np.random.default_rng(0)
    columns = random.random((5, *linear_map.input_shape)) < 0.5
    rows = random.random((5, *linear_map.output_shape)) < 0.5
    rows[4] = False

    def found(start):
        norms = masked_norms(
            linear_map,
            linear_map.kernel,
            ops.cast(start, "float32"),
            ops.cast(columns, "float32"),
            ops.cast(rows, "float32"),
            steps=100,
        )
        return ops.convert_to_numpy(norms)

    norms = found(layer.power_iterate.vector)
    expected = [
        np.linalg.norm(matrix[r.ravel()][:, c.ravel()], 2) if r.any() else 0.0
        for r, c in zip(rows, columns, strict=True)
    ]
    np.testing.assert_allclose(norms, expected, rtol=2e-2)
    assert (norms <= np.multiply(expected, 1.00001)).all()
    # From a start of which nothing is left.
    assert found(~rows[:1])[0] == pytest.approx(expected[0], rel=5e-2)


def brute_force(c, lower, upper, radius):
    """The maximum by a search for the level of the water."""

    def step(t):
        return np.clip(t * c, lower, upper)

    def surplus(t):
        return np.linalg.norm(step(t)) - radius

    if surplus(1e9) <= 0:
        return c @ step(1e9)
    return c @ step(optimize.brentq(surplus, 0.0, 1e9, xtol=1e-15))


@pytest.mark.multi_backend
def test_maximum_over_ball_and_box():
    random = np.random.default_rng(0)
    rows = random.normal(size=(40, 3, 6))
    rows[0, 0] = 0.0
    lower = -random.random((40, 6)) * random.choice([0, 0.1, 1, 9], (40, 6))
    upper = random.random((40, 6)) * random.choice([0, 0.1, 1, 9], (40, 6))
    radius = 3 * random.random(40)
    radius[1] = 0.0
    lower[2] = upper[2] = 0.0
    expected = np.array(
        [
            [brute_force(c, lower[i], upper[i], radius[i]) for c in rows[i]]
            for i in range(40)
        ]
    )
    ball = radius[:, None] * np.linalg.norm(rows, axis=2)
    arguments = [
        ops.convert_to_tensor(a.astype("float32"))
        for a in (rows, lower, upper, radius)
    ]
    last = ball
    for rounds in (0, 1, 3, 20):
        bound = ops.convert_to_numpy(ball_and_box_maximum(*arguments, rounds))
        assert (bound >= expected * (1 - 1e-5) - 1e-5).all()
        assert (bound <= last + 1e-5).all()
        last = bound
    np.testing.assert_allclose(bound, expected, rtol=1e-3, atol=1e-3)
    assert np.mean(bound < 0.9 * ball) > 0.3
