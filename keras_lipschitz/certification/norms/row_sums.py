"""Norms of operators between vectors measured by their largest entry."""

import math

import numpy as np

from keras_lipschitz.certification.norms.operators import DiagonalOperator
from keras_lipschitz.certification.norms.spectral_norm import Norm
from keras_lipschitz.certification.rounding import gamma


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
