"""Arithmetic that rounds up, against rational numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest

from keras_lipschitz.certification import rounding
from keras_lipschitz.certification.rounding import UpperBound
from keras_lipschitz.certification.rounding import float32_up
from keras_lipschitz.certification.rounding import gamma
from keras_lipschitz.certification.rounding import next_up
from keras_lipschitz.certification.rounding import pairwise_distance_bounds
from keras_lipschitz.certification.rounding import row_norm_bounds


def random_numbers(count, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random(count) * 2.0 ** rng.integers(-40, 40, count)).tolist()


def one_too_small(value):
    return Fraction(math.nextafter(value, -math.inf))


@pytest.mark.parametrize("kind", [UpperBound, float, np.float64, np.float32])
def test_results_are_the_smallest_upper_bounds(kind):
    for a, b in zip(random_numbers(300), random_numbers(300, 1), strict=True):
        b = kind(b)
        x, y, u = Fraction(a), Fraction(float(b)), UpperBound(a)
        for result, exact in [
            (u + b, x + y),
            (b + u, x + y),
            (u * b, x * y),
            (b * u, x * y),
            (u**2, x * x),
        ]:
            assert type(result) is UpperBound
            assert one_too_small(result) < exact <= Fraction(result)
        if kind is not UpperBound:
            result = u / b
            assert one_too_small(result) < x / y <= Fraction(result)
        result = u**0.5
        assert type(result) is UpperBound
        assert one_too_small(result) ** 2 < x <= Fraction(result) ** 2


def test_exact_results_stay_exact():
    assert UpperBound(3.0) * 2 == 6.0
    assert UpperBound(1.0) * 0.1 == 0.1
    assert UpperBound(9.0) ** 0.5 == 3.0
    assert UpperBound(0.0) * 7.5 == 0.0
    assert UpperBound(2.5) + 0 == 2.5
    assert UpperBound(5.0) / 2 == 2.5


def test_integers_are_exact():
    huge = 2**53 + 1
    assert UpperBound(1.0) * huge == 2**53 + 2
    assert Fraction(UpperBound(1.0) / huge) >= Fraction(1, huge)
    assert UpperBound(np.int64(3)) * np.int32(2) == 6


def test_sum():
    numbers = random_numbers(500)
    total = sum(UpperBound(x) for x in numbers)
    assert type(total) is UpperBound
    exact = sum(map(Fraction, numbers))
    assert exact <= Fraction(total) <= exact * (1 + Fraction(1, 2**43))


def test_arrays():
    table = np.array([[0.0, 1.0], [1 / 3, 0.1]])
    result = UpperBound(0.1) * table
    assert type(result) is np.ndarray and result.dtype == "float64"
    assert result[0, 0] == 0.0
    for bound, x in zip(result.ravel(), table.ravel(), strict=True):
        exact = Fraction(0.1) * Fraction(float(x))
        assert exact <= Fraction(float(bound))
    np.testing.assert_array_equal(table * UpperBound(0.1), result)
    zero_dimensional = UpperBound(0.1) * np.array(np.float32(0.3))
    assert type(zero_dimensional) is UpperBound
    assert type(np.float64(0.3) * UpperBound(0.1)) is UpperBound


def test_underflow_and_overflow():
    tiny = UpperBound(5e-324)
    assert tiny * tiny == 5e-324
    assert tiny / 2 == 5e-324
    huge = UpperBound(1.7e308)
    assert huge * 2 == huge + huge == math.inf
    assert huge * math.inf == math.inf
    assert UpperBound(math.inf) ** 0.5 == math.inf
    # The infinite one stands for a finite number that is too large.
    assert UpperBound(math.inf) * 0.0 == math.inf


@pytest.mark.parametrize("value", [-1.0, math.nan, -math.inf])
def test_what_is_no_bound(value):
    with pytest.raises(ValueError, match="not less than zero"):
        UpperBound(value)
    with pytest.raises(ValueError, match="not less than zero"):
        UpperBound(1.0) * value


@pytest.mark.parametrize(
    "operation",
    [
        lambda u: u - 1.0,
        lambda u: 1.0 - u,
        lambda u: 1.0 / u,
        lambda u: u / u,
        lambda u: u**3,
        lambda u: 2.0**u,
        lambda u: -u,
        lambda u: u // 2,
        lambda u: u % 2,
        lambda u: u * "a",
        lambda u: np.ones(2) - u,
    ],
)
def test_what_would_not_be_a_bound(operation):
    with pytest.raises(TypeError):
        operation(UpperBound(2.0))


def test_repr():
    assert repr(UpperBound(0.5)) == "UpperBound(0.5)"


def test_rounding_to_nearest_would_be_too_small(monkeypatch):
    monkeypatch.setattr(rounding, "up", float)
    with pytest.raises(AssertionError):
        test_results_are_the_smallest_upper_bounds(UpperBound)


def test_gamma():
    for n in (0, 1, 2, 7, 1000, 2**40):
        exact = Fraction(n, 2**53 - n)
        assert exact <= Fraction(gamma(n)) <= exact * (1 + Fraction(1, 2**51))
    for n in (-1, 2**52):
        with pytest.raises(ValueError, match="from 0 to 2"):
            gamma(n)


def test_next_up():
    assert next_up(1.0) == 1 + 2.0**-52
    assert next_up(np.array([0.0]))[0] == 5e-324


def test_float32_up():
    values = np.array([0.1, 1.0, 0.0, 1e-50, 3.5e38, np.inf, -0.1, -1e39])
    result = float32_up(values)
    assert result.dtype == "float32"
    assert (result.astype("float64") >= values).all()
    with np.errstate(over="ignore"):
        below = np.nextafter(result, np.float32(-np.inf)).astype("float64")
    assert ((below < values) | (values == result)).all()
    assert result[4] == np.inf and result[3] > 0 and result[1] == 1.0
    assert float32_up(0.1).shape == ()


def rows(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((6, 5)).astype("float32") * np.float64(scale)


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e-30, 1e30, 1e200])
def test_rows(scale):
    matrix = rows(0, scale)
    matrix[3] = matrix[1]
    matrix[4] = 0.0
    norms, distances = row_norm_bounds(matrix), pairwise_distance_bounds(matrix)
    for i in range(6):
        assert is_root(norms[i], matrix[i], np.zeros(5))
        for j in range(6):
            assert is_root(distances[i, j], matrix[i], matrix[j])
    assert norms[4] == 0 and distances[3, 1] == 0
    assert (distances == distances.T).all()
    assert (np.diag(distances) == 0).all()


def is_root(bound, a, b):
    square = sum(
        (Fraction(float(x)) - Fraction(float(y))) ** 2
        for x, y in zip(a, b, strict=True)
    )
    ratio = 1 + Fraction(1, 2**44)
    return square <= Fraction(float(bound)) ** 2 <= square * ratio


def test_many_random_rows_and_a_mutation(monkeypatch):
    def all_hold():
        for seed in range(40):
            matrix = rows(seed)
            distances = pairwise_distance_bounds(matrix)
            for i, j in np.ndindex(6, 6):
                if not is_root(distances[i, j], matrix[i], matrix[j]):
                    return False
        return True

    assert all_hold()
    monkeypatch.setattr(rounding, "gamma", lambda n: 0.0)
    monkeypatch.setattr(rounding, "next_up", lambda x: x)
    assert not all_hold()


def test_rows_far_apart_in_size():
    matrix = np.array([[1e-300, 0.0], [1e300, 0.0], [1e-300, 1e-310]])
    distances = pairwise_distance_bounds(matrix)
    assert distances[0, 1] >= 1e300
    assert 1e-310 <= distances[0, 2] <= 1.001e-310
    assert pairwise_distance_bounds([[1.7e308], [-1.7e308]])[0, 1] == np.inf


def test_many_classes_need_little_memory():
    matrix = np.random.default_rng(0).standard_normal((300, 64))
    distances = pairwise_distance_bounds(matrix)
    expected = np.linalg.norm(matrix[7] - matrix[260])
    assert distances[7, 260] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bound", [row_norm_bounds, pairwise_distance_bounds])
def test_rows_that_are_not_finite(bound):
    with pytest.raises(ValueError, match="finite"):
        bound([[1.0, np.nan]])
