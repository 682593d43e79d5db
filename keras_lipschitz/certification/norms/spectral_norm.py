"""Spectral norms between a lower and an upper bound."""

import dataclasses
import math

import numpy as np

from keras_lipschitz.certification.arithmetic import check_arithmetic
from keras_lipschitz.certification.norms.lanczos import attained
from keras_lipschitz.certification.norms.lanczos import top_singular_vector
from keras_lipschitz.certification.norms.operators import (
    CircularConvolutionOperator,
)
from keras_lipschitz.certification.norms.operators import ConvolutionOperator
from keras_lipschitz.certification.norms.operators import DiagonalOperator
from keras_lipschitz.certification.norms.planning import family_of
from keras_lipschitz.certification.norms.planning import torus_family
from keras_lipschitz.certification.norms.proof import prove
from keras_lipschitz.certification.norms.proof import prove_by_squaring


@dataclasses.dataclass(frozen=True)
class Norm:
    """What is known of a spectral norm.

    Args:
        lower: A value that the norm is proven to reach.
        upper: A proven upper bound, unless `method` says "estimate".
        method: How `upper` was found.
        image: The vector of outputs that shows `lower`, up to a factor; `None`
            where none was sought.
    """

    lower: float
    upper: float
    method: str
    image: np.ndarray | None = dataclasses.field(
        default=None, compare=False, repr=False
    )


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

    Raises:
        ValueError: The operator has entries that are not finite.
        RuntimeError: A proof is wanted, and the process does not round as
            IEEE 754 asks for.
    """
    if rigorous:
        check_arithmetic()
    operator = _checked(operator)
    entries = np.abs(operator.entries)
    largest = float(entries.max(initial=0.0))
    if largest == 0.0:
        return Norm(0.0, 0.0, "zero")
    if isinstance(operator, DiagonalOperator):
        return Norm(largest, largest, "largest factor")
    exponent = int(np.frexp(largest)[1])
    norm = _ordinary_norm(operator.scaled(-exponent), start, rigorous)
    return Norm(
        _rescaled(norm.lower, exponent, -np.inf),
        _rescaled(norm.upper, exponent, np.inf),
        norm.method,
        norm.image,
    )


def _checked(operator):
    entries = np.asarray(operator.entries, "float64")
    if not np.isfinite(entries).all():
        wrong = np.count_nonzero(~np.isfinite(entries))
        raise ValueError(
            "Expected a kernel of finite numbers. Received: "
            f"{wrong} of {entries.size} are infinite or not a number"
        )
    operator = operator.with_entries(entries)
    if isinstance(operator, ConvolutionOperator):
        return operator.trimmed()
    return operator


def _ordinary_norm(operator, start, rigorous):
    """The same for entries whose largest is between one half and one."""
    vector = top_singular_vector(operator, start)
    estimate, lower, image = attained(operator, vector)
    if not rigorous:
        return Norm(lower, estimate, "estimate", image)
    family = family_of(operator, vector)
    upper, method = prove(family, estimate), family.method
    if math.isinf(upper):
        if isinstance(operator, ConvolutionOperator):
            family = torus_family(operator, vector)
        if isinstance(operator, CircularConvolutionOperator):
            family = operator.torus()
        upper, method = prove_by_squaring(family), "gram iteration"
    return Norm(lower, float(upper), method, image)


def _rescaled(bound, exponent, direction):
    """`bound * 2 ** exponent`, rounded where it overflows or is subnormal."""
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(bound, exponent)
        exact = np.ldexp(scaled, -exponent)
    if exact < bound < direction or exact > bound > direction:
        scaled = np.nextafter(scaled, direction)
    return float(scaled)
