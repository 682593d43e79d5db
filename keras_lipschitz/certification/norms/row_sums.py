"""Norms of operators between vectors measured by their largest entry."""

import math

import numpy as np

from keras_lipschitz.certification.norms.operators import DiagonalOperator
from keras_lipschitz.certification.norms.spectral_norm import Norm
from keras_lipschitz.certification.rounding import gamma

# Explicit matrices may have so many entries.
_LARGEST = 2**22


def row_sum_norm(operator):
    """Bounds of the l_inf norm of a linear operator: its largest row sum.

        ||A||_inf = max_o sum_i |a_oi|

    Nothing is subtracted, so float64 errs by no more than a known factor, to
    either side.

    Args:
        operator: An `Operator` of finite entries.

    Returns:
        A `Norm`.
    """
    entries = np.abs(operator.entries)
    if not np.isfinite(entries).all():
        raise ValueError("Expected a kernel of finite numbers.")
    if isinstance(operator, DiagonalOperator):
        largest = float(entries.max())
        return Norm(largest, largest, "largest factor")
    absolute = operator.with_entries(entries)
    largest = float(absolute.matvec(np.ones(operator.shape[1])).max())
    if largest == 0.0:
        return Norm(0.0, 0.0, "zero")
    # One sum of each row, in parts; and the last product.
    error = gamma(2 * operator.terms + 16)
    return Norm(
        lower=largest * (1.0 - error),
        upper=math.nextafter(largest * (1.0 + error), math.inf),
        method="row sums",
    )


def row_sum_second_opinion(operator):
    """The same by other means: a vector that attains it, and exact sums.

    Of a large convolution the sums are those of a whole filter, of which the
    border of an image may cut something off.

    Args:
        operator: An `Operator` of finite entries.

    Returns:
        A `Norm`.
    """
    entries = np.abs(operator.entries)
    if isinstance(operator, DiagonalOperator):
        return Norm(entries.max(), entries.max(), "largest factor")
    absolute = operator.with_entries(entries)
    row = int(absolute.matvec(np.ones(operator.shape[1])).argmax())
    image = np.zeros(operator.shape[0])
    image[row] = 1.0
    # Each entry of the row counts with its own sign.
    attained = operator.matvec(np.sign(operator.rmatvec(image)))[row]
    lower = max(attained * (1.0 - gamma(2 * operator.terms + 16)), 0.0)
    if hasattr(operator, "kernel") and math.prod(operator.shape) > _LARGEST:
        rows = entries.reshape(-1, entries.shape[-1]).T
    else:
        rows = absolute.dense()
    # Sums of floats, rounded once.
    upper = math.nextafter(max(map(math.fsum, rows)), math.inf)
    return Norm(lower, upper, "exact sums")
