"""The spectral norm of a matrix without negative entries, from above."""

import math

import numpy as np
import scipy.sparse

# Dense eigenvectors are cheap up to here; longer axes are so regular that a
# vector of ones is already close.
_LARGEST_DENSE = 256
_STEPS = 300
# Added to the eigenvector, whose small entries are noise.
_FLOOR = 1e-9


def nonnegative_norm(matrix):
    """An upper bound of the spectral norm, rounding included, and tight.

    For `A >= 0` and any vector `x > 0`, Collatz and Wielandt bound

        ||A||^2 = rho(A^T A) <= max_i (A^T A x)_i / x_i,

    with equality at the Perron vector. All terms are non-negative, so float64
    errs by no more than a known factor.

    Args:
        matrix: Array or SciPy sparse matrix of finite floats, none negative.
            They are taken as exact.

    Returns:
        A float.

    Reference:
        - [Wielandt, Unzerlegbare, nicht negative Matrizen, 1950](
          https://doi.org/10.1007/BF02230720)
    """
    matrix = scipy.sparse.csr_array(matrix, dtype="float64")
    values = matrix.data
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(
            "Expected a matrix of finite numbers, none negative. Received: "
            f"entries from {values.min()} to {values.max()}"
        )
    if not values.any():
        return 0.0
    # A power of two: exact, and products neither overflow nor vanish.
    scale = math.ldexp(1.0, math.frexp(values.max())[1] - 1)
    matrix = matrix / scale
    x = _perron_vector(matrix)
    best = math.inf
    for _ in range(_STEPS):
        y = matrix.T @ (matrix @ x)
        best = min(best, (y / x).max())
        x = _lifted(y)
    # Two sums of products and a quotient; each operation errs by 2^-53.
    best *= 1.0 + (sum(matrix.shape) + 16) * 2.0**-52
    return math.nextafter(math.sqrt(best), math.inf) * scale


def averaging_norm(weights):
    """An upper bound of the spectral norm of taking weighted means.

    Args:
        weights: SciPy sparse array of whole numbers: each row lists the weights
            of one mean.

    Returns:
        A float.
    """
    weights = scipy.sparse.csr_array(weights)
    totals = np.repeat(weights.sum(axis=1), np.diff(weights.indptr))
    shares = np.nextafter(weights.data / totals, np.inf)
    return nonnegative_norm(
        scipy.sparse.csr_array(
            (shares, weights.indices, weights.indptr), weights.shape
        )
    )


def _perron_vector(matrix):
    if matrix.shape[1] > _LARGEST_DENSE:
        return np.ones(matrix.shape[1])
    gram = (matrix.T @ matrix).toarray()
    # A vector for each irreducible block, or one would vanish on the others.
    _, blocks = scipy.sparse.csgraph.connected_components(gram > 0)
    x = np.ones(len(gram))
    for block in range(blocks.max() + 1):
        (inside,) = np.nonzero(blocks == block)
        _, vectors = np.linalg.eigh(gram[np.ix_(inside, inside)])
        x[inside] = _lifted(np.abs(vectors[:, -1]))
    return x


def _lifted(x):
    """`x`, scaled and moved a little away from zero."""
    return x / x.max() + _FLOOR
