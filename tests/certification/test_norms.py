"""Bounds of the norms of matrices, in the cases that break others."""

import numpy as np
import pytest
from random_layers import is_above
from scipy import linalg

from keras_lipschitz.certification.norms.operators import BlockOperator
from keras_lipschitz.certification.norms.operators import DenseOperator
from keras_lipschitz.certification.norms.operators import DiagonalOperator
from keras_lipschitz.certification.norms.spectral_norm import spectral_norm

TIGHT = 1 + 2e-9


def dense_norm(matrix, **kwargs):
    return spectral_norm(DenseOperator(np.asarray(matrix, "float64")), **kwargs)


def assert_norm(norm, truth, tight=TIGHT):
    assert norm.lower <= truth <= norm.upper <= truth * tight
    assert norm.lower >= truth / tight


@pytest.mark.parametrize(
    "start", [None, [0.0, 1.0], [0.0, 0.0], [np.nan, 1.0], [1.0, 2.0, 3.0]]
)
def test_a_poor_start_changes_nothing(start):
    start = None if start is None else np.array(start)
    for rigorous in (True, False):
        norm = dense_norm(np.diag([10.0, 1.0]), start=start, rigorous=rigorous)
        assert norm.lower == pytest.approx(10, rel=1e-9)
    assert_norm(dense_norm(np.diag([10.0, 1.0]), start=start), 10.0)


def test_start_orthogonal_to_the_top_of_a_large_matrix():
    matrix = np.diag([2.0] + [1.0] * 699)
    start = np.zeros(700)
    start[1] = 1.0
    assert_norm(dense_norm(matrix, start=start), 2.0)


@pytest.mark.parametrize("size", [30, 600])
def test_slow_gap(size):
    assert_norm(dense_norm(np.diag(0.999 ** np.arange(size))), 1.0)


@pytest.mark.parametrize("size", [64, 1024])
def test_equal_singular_values(size):
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((size, size)))
    assert_norm(dense_norm(q), 1.0, 1 + 1e-8)
    top = np.diag([3.0] * (size // 2) + [1.0] * (size // 2))
    assert_norm(dense_norm(q @ top @ q), 3.0, 1 + 1e-8)


def test_unconverged_search_is_found_out(monkeypatch):
    """A guess that is too low costs tightness, never soundness."""
    from keras_lipschitz.certification.norms import spectral_norm as norms

    def poor(operator, start=None):
        x = np.ones(operator.shape[1])
        x[0] += 40
        return x / np.linalg.norm(x)

    monkeypatch.setattr(norms, "top_singular_vector", poor)
    assert_norm(dense_norm(np.diag([5.0] + [4.0] * 20)), 5.0, 1.01)
    # Off by more than the search allows for: another method takes over.
    norm = dense_norm(np.diag([4.0] * 20 + [5.0]))
    assert norm.method == "gram iteration"
    assert 5.0 <= norm.upper <= 5.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (40, 3), (3, 40)])
def test_thin_and_rank_one(shape):
    rng = np.random.default_rng(1)
    u, v = (rng.standard_normal(n) for n in shape)
    truth = np.linalg.norm(u) * np.linalg.norm(v)
    norm = dense_norm(np.outer(u, v))
    assert norm.upper >= truth * (1 - 1e-15)
    assert norm.upper == pytest.approx(truth, rel=1e-8)


def test_zero():
    for shape in [(3, 4), (0, 3), (3, 0)]:
        norm = dense_norm(np.zeros(shape))
        assert (norm.lower, norm.upper) == (0.0, 0.0)
        assert dense_norm(np.zeros(shape), rigorous=False).upper == 0.0


@pytest.mark.parametrize(
    "scale", [2.0**-60, 1e-10, 1e-20, 1e-30, 1e10, 1e15, 1e19, 1e30, 3e38]
)
def test_scales(scale):
    matrix = np.random.default_rng(2).uniform(-1, 1, (12, 9)) * scale
    truth = np.linalg.norm(matrix, 2)
    norm = dense_norm(matrix)
    assert 0 < truth <= norm.upper <= truth * TIGHT < np.inf


@pytest.mark.parametrize("exponent", [-149, -100, -7, 1, 40, 127])
@pytest.mark.parametrize("rigorous", [True, False])
def test_powers_of_two_pull_out_exactly(exponent, rigorous):
    matrix = np.random.default_rng(3).standard_normal((20, 30))
    one = dense_norm(matrix, rigorous=rigorous)
    other = dense_norm(np.ldexp(matrix, exponent), rigorous=rigorous)
    assert other.upper == np.ldexp(one.upper, exponent)
    assert other.lower == np.ldexp(one.lower, exponent)


def test_largest_and_smallest_floats():
    tiny = 2.0**-149
    assert_norm(dense_norm([[tiny, 0], [0, tiny / 2]]), tiny)
    assert dense_norm([[5e-324, 5e-324]]).upper >= 1e-323
    norm = dense_norm(np.full((4, 4), 1.7e308))
    assert norm.lower < norm.upper == np.inf
    assert dense_norm([[5e-324, 5e-324, 5e-324]]).lower <= 5e-324
    assert_norm(dense_norm([[1.7e308]]), 1.7e308)
    assert_norm(dense_norm(np.diag([1e30, 1e-30])), 1e30)
    assert_norm(dense_norm(np.diag([1e200, 1e-200])), 1e200)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rigorous", [True, False])
def test_not_finite(wrong, rigorous):
    matrix = np.eye(3)
    matrix[1, 2] = wrong
    with pytest.raises(ValueError, match="finite.*Received: 1 of 9"):
        dense_norm(matrix, rigorous=rigorous)
    with pytest.raises(ValueError, match="finite"):
        spectral_norm(DiagonalOperator(matrix[1]))


def test_closed_forms():
    assert_norm(dense_norm(linalg.hadamard(64)), 8.0)
    assert_norm(dense_norm(np.ones((50, 50))), 50.0)
    assert_norm(dense_norm(np.ones((50, 2))), 10.0)
    # The second difference, whose eigenvalues are known.
    second = linalg.toeplitz([2.0, -1.0, *[0.0] * 98])
    assert_norm(dense_norm(second), 2 + 2 * np.cos(np.pi / 101), 1 + 1e-8)


@pytest.mark.parametrize(
    "matrix", [linalg.hilbert(6), np.vander(np.arange(1.0, 6.0))]
)
def test_ill_conditioned_against_rationals(matrix):
    norm = dense_norm(matrix)
    assert is_above(norm.upper, matrix)
    assert not is_above(norm.upper / TIGHT, matrix)
    assert not is_above(norm.lower * (1 - 1e-15), matrix)


def test_ten_thousand_small_matrices_against_rationals():
    rng = np.random.default_rng(4)
    for _ in range(10_000):
        matrix = rng.standard_normal(rng.integers(1, 4, 2))
        if rng.random() < 0.3:
            matrix = np.round(2 * matrix)
        matrix *= 2.0 ** rng.integers(-90, 90)
        norm = dense_norm(matrix)
        assert is_above(norm.upper, matrix)
        assert norm.lower <= norm.upper <= norm.lower * TIGHT


def test_diagonal_is_exact():
    for rigorous in (True, False):
        norm = spectral_norm(
            DiagonalOperator(np.array([0.3, -7.1])), rigorous=rigorous
        )
        assert (norm.lower, norm.upper) == (7.1, 7.1)


def test_blocks():
    blocks = np.random.default_rng(5).standard_normal((6, 4, 9))
    blocks[2] = 0.0
    truth = np.linalg.norm(blocks, 2, axis=(1, 2)).max()
    assert_norm(spectral_norm(BlockOperator(blocks)), truth, 1 + 1e-8)


def test_the_same_twice():
    matrix = np.random.default_rng(6).standard_normal((700, 600))
    assert dense_norm(matrix) == dense_norm(matrix.copy())


def test_estimate_says_so():
    norm = dense_norm(np.eye(3), rigorous=False)
    assert norm.method == "estimate"
    assert norm.upper == pytest.approx(1.0)


def test_image_shows_the_lower_bound():
    matrix = np.random.default_rng(7).standard_normal((8, 5))
    norm = dense_norm(matrix)
    best = np.linalg.svd(matrix)[0][:, 0]
    assert abs(norm.image @ best) == pytest.approx(np.linalg.norm(norm.image))
