"""Proofs that a shifted Gram matrix is positive, by a checked factor."""

import numpy as np
from scipy import linalg

from keras_lipschitz.certification.norms.stacks import product_error
from keras_lipschitz.certification.norms.stacks import squared_norms
from keras_lipschitz.certification.rounding import gamma
from keras_lipschitz.certification.rounding import next_up


def eigenvalue_bounds(gram, shift):
    """Proves that no eigenvalue of a Gram matrix is much above `shift`.

    With `G` the computed Gram matrix of `T`, `H = shift I - G` and any lower
    triangular `L` whatsoever,

        shift I - T T^* = L L^* + (H - L L^*) + (G - T T^*)

    so that the largest eigenvalue of `T T^*` is at most `shift` plus the
    Frobenius norms of the two differences. `L` is meant to be the Cholesky
    factor of `H`, but nothing is assumed of how it was found: the residual
    `H - L L^*` is computed, with a bound of its own rounding.

    Args:
        gram: A `Gram` of entries of ordinary size.
        shift: Float, more than zero.

    Returns:
        Array `(matrices,)` of upper bounds; infinite where there is none: `H`
        has no Cholesky factor.
    """
    residual, factor, target = 0.0, 0.0, 0.0
    blocks = {}
    for i in range(gram.rows):
        first = max(0, i - gram.bandwidth)
        for j in range(first, i + 1):
            block = _shifted(gram, shift, i, j)
            rest = block
            for k in range(first, j):
                rest = rest - _times_adjoint(blocks[i, k], blocks[j, k])
            if i == j:
                blocks[i, i] = _factor(rest)
                if np.isnan(blocks[i, i][:, 0, 0]).all():
                    return np.full(len(rest), np.inf)
            else:
                blocks[i, j] = _quotient(rest, blocks[j, j])
            weight = 1.0 if i == j else 2.0
            difference = rest - _times_adjoint(blocks[i, j], blocks[j, j])
            residual = residual + weight * squared_norms(difference)
            target = target + weight * squared_norms(block)
            factor = factor + squared_norms(blocks[i, j])
        blocks = {k: b for k, b in blocks.items() if k[0] > i - gram.bandwidth}
    width = gram.bandwidth + 1
    # How many numbers were summed into one.
    sums = gamma(4 * gram.rows * width * gram.size**2 + 32)
    rounding = product_error(width * gram.size + 4, difference)
    error = np.sqrt(residual) + rounding * (np.sqrt(target) + factor)
    bounds = next_up(shift + (error + gram.error) * (1 + 2 * sums))
    return np.where(np.isfinite(bounds), bounds, np.inf)


def _shifted(gram, shift, i, j):
    """A block of `shift I - G`."""
    block = -gram.block(i, j)
    if i == j:
        block[:, range(gram.size), range(gram.size)] += shift
    return block


def _times_adjoint(left, right):
    return left @ right.conj().swapaxes(-1, -2)


def _factor(stack):
    """Cholesky factors; not a number where there is none."""
    try:
        return np.linalg.cholesky(stack)
    except np.linalg.LinAlgError:
        return np.stack([_factor_one(matrix) for matrix in stack])


def _factor_one(matrix):
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)


def _quotient(stack, factors):
    """`X` with `X L^* = A`, for every matrix of a stack."""
    (trsm,) = linalg.get_blas_funcs(["trsm"], [stack])
    return np.stack(
        [
            trsm(1.0, factor, matrix, side=1, lower=1, trans_a=2)
            for matrix, factor in zip(stack, factors, strict=True)
        ]
    )
