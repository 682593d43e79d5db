"""Spectral norms between a lower and an upper bound."""

import dataclasses

import numpy as np

from keras_lipschitz.certification.lanczos import top_singular_vector
from keras_lipschitz.certification.operators import DiagonalOperator


@dataclasses.dataclass(frozen=True)
class Norm:
    """What is known of a spectral norm.

    Args:
        lower: A value that the operator attains, up to rounding.
        upper: A proven upper bound, unless `method` says "estimate".
        method: How `upper` was found.
    """

    lower: float
    upper: float
    method: str


def spectral_norm(operator, start=None, rigorous=True):
    """Bounds of the spectral norm of a linear operator.

    Args:
        operator: An `Operator`.
        start: Vector of inputs to begin the search with.
        rigorous: Whether to prove an upper bound. Otherwise `upper` is the
            value that Lanczos found, which may be too small.

    Returns:
        A `Norm`. Powers of two pull out: those of `2 ** k A` are `2 ** k`
        times those of `A`, exactly.
    """
    entries = operator.entries
    if not np.isfinite(entries).all():
        raise ValueError(
            "Expected a kernel of finite numbers. Received: "
            f"{np.count_nonzero(~np.isfinite(entries))} of {entries.size} "
            "entries are infinite or not a number"
        )
    largest = float(np.abs(entries).max(initial=0.0))
    if largest == 0.0 or 0 in operator.shape:
        return Norm(0.0, 0.0, "zero")
    if isinstance(operator, DiagonalOperator):
        return Norm(largest, largest, "exact")
    exponent = int(np.frexp(largest)[1])
    operator = operator.scaled(-exponent)
    vector = top_singular_vector(operator, start)
    lower = float(
        np.linalg.norm(operator.matvec(vector)) / np.linalg.norm(vector)
    )
    lower = float(np.ldexp(lower, exponent))
    if not rigorous:
        return Norm(lower, lower, "estimate")
    raise NotImplementedError
