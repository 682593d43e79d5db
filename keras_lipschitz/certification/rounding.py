"""Arithmetic whose results are never too small."""

import math
import numbers
import operator
from fractions import Fraction

import numpy as np

# The largest relative error of one operation in float64.
UNIT = 2.0**-53


def next_up(x):
    """The next larger float64, elementwise."""
    return np.nextafter(x, np.inf)


def up(exact):
    """The smallest float64 that is not less than a `Fraction`."""
    try:
        nearest = float(exact)
    except OverflowError:
        return math.inf
    return nearest if nearest >= exact else math.nextafter(nearest, math.inf)


def gamma(n):
    """`n u / (1 - n u)` with `u = 2 ** -53`, rounded up.

    A product of `n` factors `1 + d` or `1 / (1 + d)`, each with `|d| <= u`,
    differs from 1 by no more. So does, relative to the sum of the absolute
    terms, a computed inner product of length `n` from the exact one, whatever
    the order of its operations and whether or not they are fused.
    """
    n = int(n)
    if not 0 <= n < 2**52:
        raise ValueError(
            f"Expected a number of operations from 0 to 2^52. Received: {n}"
        )
    return up(Fraction(n, 2**53 - n))


class UpperBound(float):
    """A number not less than zero, in arithmetic that rounds up.

    Sums, products, squares, square roots and quotients by exact numbers: each
    result is the smallest float64 that is not less than the exact one, so that
    a formula of upper bounds written with them gives an upper bound. What
    could not (differences, negative factors, quotients by an upper bound) is
    refused.

    Args:
        value: Float or integer.

    Example:

    ```python
    UpperBound(1.0) / 3  # not less than 1 / 3
    ```
    """

    # NumPy leaves mixed operations to this class.
    __array_ufunc__ = None

    def __new__(cls, value=0.0):
        if not value >= 0:
            raise ValueError(
                f"Expected a number not less than zero. Received: {value}"
            )
        return super().__new__(cls, value)

    def __add__(self, other):
        return _combine(operator.add, self, other)

    def __mul__(self, other):
        return _combine(operator.mul, self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other):
        if isinstance(other, UpperBound):
            return NotImplemented
        return _combine(operator.truediv, self, other)

    def __pow__(self, exponent):
        if exponent == 2:
            return self * self
        if exponent == 0.5:
            return _root(self)
        return NotImplemented

    __sub__ = __rsub__ = __rtruediv__ = __rpow__ = __neg__ = None
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = None

    def __repr__(self):
        return f"UpperBound({float(self)!r})"


def _combine(operation, bound, other):
    if isinstance(other, np.ndarray):
        results = [_combine(operation, bound, x) for x in other.ravel()]
        if other.ndim == 0:
            return results[0]
        return np.array(results, "float64").reshape(other.shape)
    if not isinstance(other, numbers.Real):
        return NotImplemented
    if not other >= 0:
        raise ValueError(
            "Expected numbers not less than zero next to an upper bound. "
            f"Received: {other}"
        )
    if math.isinf(bound) or math.isinf(other):
        return UpperBound(math.inf)
    return UpperBound(up(operation(_exact(bound), _exact(other))))


def _exact(x):
    return Fraction(int(x) if isinstance(x, numbers.Integral) else float(x))


def _root(bound):
    root = math.sqrt(bound)
    if not math.isinf(root) and _exact(root) ** 2 < _exact(bound):
        root = math.nextafter(root, math.inf)
    return UpperBound(root)


def float32_up(array):
    """The smallest float32 that are not less than `array`.

    Args:
        array: Float64 array, or a float.

    Returns:
        Float32 array; infinite beyond the largest float32.
    """
    array = np.asarray(array, "float64")
    with np.errstate(over="ignore"):
        nearest = array.astype("float32")
    above = np.nextafter(nearest, np.float32(np.inf))
    return np.where(nearest < array, above, nearest)


def row_norm_bounds(rows, order=2):
    """Upper bounds of the norms of rows.

    Args:
        rows: Float64 array `(m, d)` of finite numbers.
        order: `2` or `1`, for l2 or l1 norms.

    Returns:
        Float64 array `(m,)`; zero only for a row of zeros.
    """
    rows = np.asarray(rows, "float64")
    if not np.isfinite(rows).all():
        raise ValueError("Expected rows of finite numbers.")
    return _norms_up(rows, order)


def pairwise_distance_bounds(rows, order=2):
    """Upper bounds of the distances between rows.

    Args:
        rows: Float64 array `(m, d)` of finite numbers.
        order: `2` or `1`, for l2 or l1 distances.

    Returns:
        Symmetric float64 array `(m, m)`; zero only for equal rows.
    """
    rows = np.asarray(rows, "float64")
    if not np.isfinite(rows).all():
        raise ValueError("Expected rows of finite numbers.")
    distances = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        # Each difference errs by a factor 1 + d with |d| <= UNIT.
        with np.errstate(over="ignore"):
            distances[i, i:] = _norms_up(rows[i:] - row, order)
    return np.maximum(distances, distances.T)


def _norms_up(rows, order=2):
    """Norms, with room for one rounding of every entry."""
    if order == 1:
        norms = np.abs(rows).sum(axis=1) * (1 + gamma(rows.shape[1] + 4))
        return np.where(norms > 0, next_up(norms), 0.0)
    # Powers of two keep the squares from vanishing or overflowing.
    _, exponents = np.frexp(np.abs(rows).max(axis=1, initial=0.0))
    scaled = np.ldexp(rows, -exponents[:, None])
    norms = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    # d products and sums weigh half under the root; entries, root, product
    # and final rounding weigh one each.
    norms = norms * (1 + gamma(rows.shape[1] + 8))
    return np.where(norms > 0, next_up(np.ldexp(norms, exponents)), 0.0)
