"""The bound of the norm of a matrix without negative entries."""

import math

import numpy as np
import pytest

from keras_lipschitz.ops.nonnegative import nonnegative_norm
from keras_lipschitz.ops.rounding import parameter_up
from keras_lipschitz.ops.rounding import root_up


@pytest.mark.parametrize("seed", range(30))
def test_is_tight_for_random_matrices(seed):
    generator = np.random.default_rng(seed)
    shape = generator.integers(1, 12, 2)
    matrix = generator.random(shape) ** generator.choice([1, 5, 40])
    matrix[generator.random(shape) < 0.4] = 0.0
    matrix[0, 0] = 1e-3
    truth = np.linalg.norm(matrix, 2)
    bound = nonnegative_norm(matrix)
    assert truth * (1 - 1e-14) <= bound <= truth * (1 + 1e-7)


@pytest.mark.parametrize("n", [2, 3, 10, 50, 200])
def test_is_never_below_a_closed_form(n):
    # The mean of neighbours has the norm cos(pi / 2n).
    matrix = (np.eye(n - 1, n) + np.eye(n - 1, n, 1)) / 2
    truth = math.cos(math.pi / (2 * n))
    assert truth <= nonnegative_norm(matrix) <= truth * (1 + 1e-8)
    ones = nonnegative_norm(np.ones((n, n + 1)))
    assert n * (n + 1) <= ones**2 * (1 + 1e-15)
    assert ones <= math.sqrt(n * (n + 1)) * (1 + 1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_any_scale(scale):
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    truth = np.linalg.norm(matrix, 2)
    bound = nonnegative_norm(matrix * scale) / scale
    assert bound == pytest.approx(truth, rel=1e-9)


def test_zero():
    assert nonnegative_norm(np.zeros((3, 2))) == 0.0


@pytest.mark.parametrize("entry", [-1.0, np.nan, np.inf])
def test_refuses(entry):
    with pytest.raises(ValueError, match="none negative"):
        nonnegative_norm([[1.0, entry]])


def test_roots():
    assert [root_up(n) for n in (0, 1, 4, 144)] == [0.0, 1.0, 2.0, 12.0]
    for n in (2, 3, 5, 1000, 2**53 - 1):
        numerator, denominator = root_up(n).as_integer_ratio()
        assert numerator**2 >= n * denominator**2
        assert root_up(n) <= math.sqrt(n) * (1 + 1e-15)


def test_parameters():
    values = np.array([0.0, 1.0, 0.1, -1 / 3, 1e-50, 1e39])
    up = parameter_up(values).astype("float64")
    with np.errstate(over="ignore"):
        assert (up >= np.abs(values.astype("float32"))).all()
    assert (up >= np.abs(values)).all()
    assert up[0] == 0.0 and up[1] == 1.0
    assert (up[:4] <= np.abs(values[:4]) * (1 + 2e-7)).all()
