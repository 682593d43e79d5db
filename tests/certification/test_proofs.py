"""The two proofs, and what happens to them when something is left out."""

from fractions import Fraction

import numpy as np
import pytest
from random_layers import is_above

from keras_lipschitz.certification.norms import cholesky
from keras_lipschitz.certification.norms import gram as gram_module
from keras_lipschitz.certification.norms import spectral_norm as norms
from keras_lipschitz.certification.norms.cholesky import eigenvalue_bounds
from keras_lipschitz.certification.norms.gram import gram_bounds
from keras_lipschitz.certification.norms.operators import DenseOperator
from keras_lipschitz.certification.norms.stacks import Gram
from keras_lipschitz.certification.norms.stacks import Stack


def random_stack(seed, dtype="float64", count=5, shape=(6, 9)):
    rng = np.random.default_rng(seed)
    matrices = rng.standard_normal((count, *shape)).astype(dtype)
    if dtype == "complex128":
        matrices = matrices + 1j * rng.standard_normal((count, *shape))
    return matrices


def norms_of(matrices):
    return np.linalg.norm(matrices, 2, axis=(1, 2))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(1, 1), (6, 9), (9, 6)])
def test_cholesky_bounds(dtype, shape):
    matrices = random_stack(0, dtype, shape=shape)
    truth = norms_of(matrices) ** 2
    shift = truth.max() * (1 + 1e-10)
    bounds = eigenvalue_bounds(Gram(Stack(matrices[None])), shift)
    assert (bounds >= shift).all()
    assert (bounds <= shift * (1 + 1e-12)).all()


def test_cholesky_tells_which_matrices_are_too_large():
    matrices = random_stack(1)
    truth = np.sort(norms_of(matrices) ** 2)
    shift = (truth[2] + truth[3]) / 2
    bounds = eigenvalue_bounds(Gram(Stack(matrices[None])), shift)
    assert (
        np.isfinite(bounds).tolist()
        == (norms_of(matrices) ** 2 < shift).tolist()
    )


def test_cholesky_refuses_a_guess_that_is_too_low():
    gram = Gram(Stack(np.diag([1.0, 0.5])[None, None]))
    assert np.isinf(eigenvalue_bounds(gram, 1 - 1e-6))
    assert eigenvalue_bounds(gram, 1 + 1e-6) >= 1


def test_cholesky_of_block_matrices():
    """Blocks on a band prove what the explicit matrices prove."""
    rng = np.random.default_rng(2)
    taps = rng.standard_normal((3, 4, 2, 5))
    places = [[(i, i + t) for i in range(6)] for t in range(3)]
    explicit = np.zeros((4, 6, 2, 8, 5))
    for tap, tap_places in zip(taps, places, strict=True):
        for i, j in tap_places:
            explicit[:, i, :, j] = tap
    truth = norms_of(explicit.reshape(4, 12, 40)).max() ** 2
    for stack in (Stack(taps, places), Stack(taps, places).adjoint()):
        gram = Gram(stack)
        assert np.isfinite(eigenvalue_bounds(gram, truth * (1 + 1e-9))).all()
        # The adjoint's Gram is singular up to the shift, no more.
        assert np.isinf(eigenvalue_bounds(gram, truth * (1 - 1e-9))).any()


def forge(factor):
    def forged(stack):
        with np.errstate(invalid="ignore"):
            return factor * original(stack)

    original = cholesky._factor
    return forged


@pytest.mark.parametrize("factor", [0.5, 0.99, 1.01, np.nan])
def test_a_wrong_factor_is_seen(monkeypatch, factor):
    """Nothing is believed of the routine that factors."""
    matrices = random_stack(3)
    truth = norms_of(matrices) ** 2
    gram = Gram(Stack(matrices[None]))
    monkeypatch.setattr(cholesky, "_factor", forge(factor))
    assert (eigenvalue_bounds(gram, truth.max() * 1.01) >= truth).all()


def test_a_factor_of_something_else_is_seen(monkeypatch):
    matrices = random_stack(4)
    truth = norms_of(matrices) ** 2
    gram = Gram(Stack(matrices[None]))
    monkeypatch.setattr(cholesky, "_factor", np.ones_like)
    assert (eigenvalue_bounds(gram, 0.5 * truth.max()) >= truth).all()
    # Without the residual it would not be.
    monkeypatch.setattr(cholesky, "squared_norms", lambda x: np.zeros(len(x)))
    assert (eigenvalue_bounds(gram, 0.5 * truth.max()) < truth).any()


def test_blocks_off_the_diagonal_count_twice(monkeypatch):
    """Of the matrix of ones, whose largest eigenvalue is 3."""
    gram = Gram(Stack(np.ones((3, 1, 1, 1)), [[(i, 0)] for i in range(3)]))
    monkeypatch.setattr(cholesky, "_quotient", lambda a, _: np.zeros_like(a))
    assert 3.0 <= eigenvalue_bounds(gram, 1.1)[0] <= 1.11 + 6**0.5


def test_rounding_of_the_residual_is_counted(monkeypatch):
    """Even where the residual is zero, as it is here without rounding."""
    gram = Gram(Stack(np.eye(64)[None, None]))
    monkeypatch.setattr(Gram, "error", 0.0)
    # H is I / 4 and L is I / 2, of squared Frobenius norms 4 and 16.
    excess = eigenvalue_bounds(gram, 1.25)[0] - 1.25
    assert 64 * 2.0**-53 * (2 + 16) <= excess <= 1e-12


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_frobenius_norms_of_stacks(dtype):
    taps = np.stack([random_stack(7, dtype), random_stack(8, dtype)])
    stack = Stack(taps, [[(0, 0), (1, 1), (2, 2)], [(0, 1)]])
    first, second = (np.linalg.norm(t, axis=(1, 2)) ** 2 for t in taps)
    bounds, truth = stack.squared_frobenius_bounds(), 3 * first + second
    assert (truth <= bounds).all() and (bounds <= truth * (1 + 1e-12)).all()


def test_routines_that_return_nan_are_not_believed(monkeypatch):
    monkeypatch.setattr(
        cholesky, "_factor", lambda stack: np.full_like(stack, np.nan)
    )
    norm = norms.spectral_norm(DenseOperator(np.diag([3.0, 1.0])))
    assert norm.method == "gram iteration"
    assert 3.0 <= norm.upper <= 3.001
    monkeypatch.setattr(
        gram_module, "squared_norms", lambda x: np.full(len(x), np.nan)
    )
    assert norms.spectral_norm(DenseOperator(np.eye(2))).upper == np.inf


def small_addends():
    """A row whose squares are lost one by one when they are summed up."""
    row = np.full((1, 4096), 2.0**-27)
    row[0, 0] = 1.0
    return row, 1 + 4095 * Fraction(1, 2**54)


def test_rounding_of_the_gram_matrix_is_counted(monkeypatch):
    row, truth = small_addends()
    gram = Gram(Stack(row[None, None]))
    shift = float(np.nextafter(gram.block(0, 0)[0, 0, 0], 2))
    assert Fraction(shift) < truth
    assert Fraction(float(eigenvalue_bounds(gram, shift)[0])) >= truth
    monkeypatch.setattr(Gram, "error", 0.0)
    assert Fraction(float(eigenvalue_bounds(gram, shift)[0])) < truth


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(1, 1), (6, 9), (9, 6), (20, 20)])
def test_gram_iteration(dtype, shape):
    matrices = random_stack(5, dtype, shape=shape)
    truth = norms_of(matrices)
    previous = np.inf
    for iterations in (0, 2, 6, 12, 30):
        bounds = gram_bounds(matrices, iterations)
        assert (bounds >= truth).all()
        assert (bounds <= previous * (1 + 1e-14)).all()
        rank = min(shape)
        loose = rank**2.0 ** -(iterations + 1)
        assert (bounds <= truth * loose * (1 + 1e-12)).all()
        previous = bounds


def test_gram_iteration_of_zero():
    assert (gram_bounds(np.zeros((2, 3, 4))) == 0).all()


def test_gram_iteration_against_rationals():
    rng = np.random.default_rng(6)
    for _ in range(300):
        matrix = rng.standard_normal(rng.integers(1, 4, 2))
        assert is_above(gram_bounds(matrix[None], 30)[0], matrix)


def test_rounding_of_gram_iteration_is_counted(monkeypatch):
    row, truth = small_addends()
    assert Fraction(float(gram_bounds(row[None], 1)[0])) ** 2 >= truth
    monkeypatch.setattr(gram_module, "product_error", lambda *_: 0.0)
    monkeypatch.setattr(gram_module, "gamma", lambda n: 0.0)
    assert Fraction(float(gram_bounds(row[None], 1)[0])) ** 2 < truth
