"""The spectral norm of the absolute values of an operator, from above."""

import math

import numpy as np

from keras_lipschitz.certification.rounding import gamma

_STEPS = 8
# Added to every vector, so that no entry vanishes.
_FLOOR = 1e-9


def absolute_norm(operator):
    """An upper bound of `|| |A| ||_2`, rounding included, and tight.

    For `M >= 0` and any vector `x > 0`, Collatz and Wielandt bound

        ||M||^2 = rho(M^T M) <= max_i (M^T M x)_i / x_i,

    with equality at the Perron vector. Nothing is subtracted, so float64 errs
    by no more than a known factor.

    Args:
        operator: An `Operator` of finite entries.

    Returns:
        A float.

    Reference:
        - [Wielandt, Unzerlegbare, nicht negative Matrizen, 1950](
          https://doi.org/10.1007/BF02230720)
    """
    entries = np.abs(operator.entries)
    largest = entries.max(initial=0.0)
    if largest == 0.0:
        return 0.0
    # A power of two: exact, and products neither overflow nor vanish.
    exponent = int(np.frexp(largest)[1])
    operator = operator.with_entries(np.ldexp(entries, -exponent))
    x, best = np.ones(operator.shape[1]), math.inf
    for _ in range(_STEPS):
        y = operator.rmatvec(operator.matvec(x))
        best = min(best, float((y / x).max()))
        x = y / y.max() + _FLOOR
    # Two sums of products and a quotient, then a root.
    norm = math.sqrt(best) * (1.0 + gamma(2 * sum(operator.shape) + 16))
    return math.ldexp(norm, exponent)
