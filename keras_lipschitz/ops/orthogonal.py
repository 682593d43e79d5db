"""Matrices with orthonormal columns (or rows) from arbitrary ones.

All take tensors `(..., n, m)` and return the same shape. Where not all is
square, the longer axis holds the vectors: columns are orthonormal for
`n >= m`, rows for `n < m`.
"""

import functools

from keras import ops

_TINY = 1e-30
# Relative to the norm: far above the rounding of a Gram matrix in float32.
_SHIFT = 1e-5


def transposed(matrix):
    return ops.swapaxes(matrix, -1, -2)


def as_tall(function):
    """Lets a function of tall matrices take wide ones."""

    @functools.wraps(function)
    def of_any_shape(matrix, *args):
        if matrix.shape[-2] >= matrix.shape[-1]:
            return function(matrix, *args)
        return transposed(function(transposed(matrix), *args))

    return of_any_shape


def newton_step(matrix):
    """`Q (3 I - Q^T Q) / 2`: takes singular values `s` to `(3 s - s^3) / 2`.

    From anywhere between 0 and `sqrt(3)` that is at most one, and near one the
    distance is squared: what rounding has done before is undone.
    """
    gram = ops.matmul(transposed(matrix), matrix)
    return 1.5 * matrix - 0.5 * ops.matmul(matrix, gram)


@as_tall
def bjorck(matrix, iterations):
    """Repeated Newton steps, for a matrix whose norm is at most `sqrt(3)`.

    Small singular values grow by half in each step: how close to orthogonal
    the result is depends on the condition of the matrix.

    Reference:
        - [Bjorck and Bowie, An iterative algorithm for computing the best
          estimate of an orthogonal matrix, 1971](
          https://doi.org/10.1137/0708036)
    """
    for _ in range(iterations):
        matrix = newton_step(matrix)
    return matrix


@as_tall
def cayley(matrix):
    """The Cayley transform of a matrix, scaled to that of an orthogonal one.

    With `U` the square part of the matrix, `V` the rest, and
    `A = U - U^T + V^T V`, whose symmetric part is not negative,

        [(I - A) (I + A)^-1; -2 V (I + A)^-1]

    has orthonormal columns.

    Reference:
        - [Trockman and Kolter, Orthogonalizing Convolutional Layers with the
          Cayley Transform, ICLR 2021](https://arxiv.org/abs/2104.07167)
    """
    columns = matrix.shape[-1]
    matrix = matrix * _to_length(matrix, columns**0.5)
    square, rest = matrix[..., :columns, :], matrix[..., columns:, :]
    skew = square - transposed(square)
    a = skew + ops.matmul(transposed(rest), rest)
    identity = ops.eye(columns, dtype=matrix.dtype)
    inverse = ops.inv(identity + a)
    # (I - A) (I + A)^-1 = 2 (I + A)^-1 - I.
    top = 2.0 * inverse - identity
    bottom = -2.0 * ops.matmul(rest, inverse)
    return newton_step(ops.concatenate([top, bottom], axis=-2))


@as_tall
def cholesky(matrix):
    """`W L^-T` with `L L^T = W^T W`, as Gram and Schmidt would do it.

    Reference:
        - [Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024](
          https://arxiv.org/abs/2310.02513)
    """
    columns = matrix.shape[-1]
    gram = ops.matmul(transposed(matrix), matrix)
    # Keeps the factor real where columns depend on each other.
    largest = ops.max(ops.sum(ops.abs(gram), axis=-1), axis=-1)
    shift = _SHIFT * ops.stop_gradient(largest)[..., None, None] + _TINY
    factor = ops.cholesky(gram + shift * ops.eye(columns, dtype=matrix.dtype))
    solved = ops.solve_triangular(factor, transposed(matrix), lower=True)
    return newton_step(transposed(solved))


@as_tall
def qr(matrix):
    """The orthogonal factor of `W = Q R` with a positive diagonal of `R`."""
    q, r = ops.qr(matrix)
    diagonal = ops.stop_gradient(ops.diagonal(r, axis1=-2, axis2=-1))
    return q * ops.where(diagonal < 0.0, -1.0, 1.0)[..., None, :]


def block_reflector(matrix):
    """`I - 2 V (V^T V)^-1 V^T`: the reflection that negates the columns of `V`.

    Args:
        matrix: Tensor `(..., n, m)`, `m <= n`.

    Returns:
        Symmetric orthogonal tensor `(..., n, n)`.

    Reference:
        - [Lai et al., Enhancing Certified Robustness via Block Reflector
          Orthogonal Layers and Logit Annealing Loss, ICML 2025](
          https://arxiv.org/abs/2505.15174)
    """
    rows = matrix.shape[-2]
    frame = cholesky(matrix)
    reflected = 2.0 * ops.matmul(frame, transposed(frame))
    return newton_step(ops.eye(rows, dtype=matrix.dtype) - reflected)


def _to_length(matrix, length):
    squares = ops.sum(ops.square(matrix), axis=(-2, -1), keepdims=True)
    return length * ops.rsqrt(squares + _TINY)
