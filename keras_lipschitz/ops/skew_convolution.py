"""Exponentials of skew-symmetric convolutions."""

import math
from fractions import Fraction

from keras import ops

from keras_lipschitz.ops.spectral_rescaling import convolution_factors


def adjoint_kernel(kernel):
    """The kernel of the adjoint of a convolution of stride 1.

    With `"same"` or circular padding, and a kernel of odd size.
    """
    return ops.swapaxes(ops.flip(kernel, (0, 1)), 2, 3)


def skew_kernel(kernel, iterations):
    """The skew part of a kernel, divided by a bound of its norm.

    A convolution with this kernel is skew right up to the border, also where
    images are padded with zeros.

    Args:
        kernel: Tensor `(height, width, channels, channels)` of odd size.
        iterations: Integer, of the spectral rescaling that gives the bound.
    """
    skew = kernel - adjoint_kernel(kernel)
    # One factor for all: others would not leave it skew.
    return skew * ops.min(convolution_factors(skew, iterations))


def truncated_exponential(linear, x, terms):
    """`sum_{i <= terms} A^i x / i!`, by Horner's scheme.

    Args:
        linear: Function `x -> A x`.
        x: Tensor.
        terms: Positive integer.
    """
    total = x
    for i in range(terms, 0, -1):
        total = x + linear(total) / i
    return total


def truncated_exponential_norm(norm, terms):
    """An upper bound of `||sum_{i <= terms} A^i / i!||_2` for skew `A`.

    The eigenvalues of `A` are imaginary, so the norm is the largest `|T(i w)|`
    of the Taylor polynomial `T`, `|w| <= norm`. `|T(i w)|^2 - 1` is a
    polynomial in `w^2` that begins at a high power; where its first
    coefficient is negative and outweighs the others, the norm is at most one.
    That is so for up to 3, 4, 7, 8, 11, 12, ... terms and small norms.

    Args:
        norm: Float, an upper bound of the norm of `A`.
        terms: Positive integer.

    Returns:
        A float, rounded up.
    """
    if not math.isfinite(norm):
        return math.inf
    squared = Fraction(float(norm)) ** 2
    first, *others = ((power, c) for power, c in enumerate(_excess(terms)) if c)
    rest = sum(
        c * squared ** (power - first[0]) for power, c in others if c > 0
    )
    if first[1] + rest <= 0:
        return 1.0
    excess = (max(first[1], 0) + rest) * squared ** first[0]
    return math.nextafter(math.sqrt(1 + excess) * (1 + 2**-50), math.inf)


def _excess(terms):
    """Coefficients of `|T(i w)|^2 - 1` as a polynomial in `w^2`."""
    taylor = [Fraction(1, math.factorial(i)) for i in range(terms + 1)]
    coefficients = [Fraction(0)] * (terms + 1)
    for i, a in enumerate(taylor):
        for j, b in enumerate(taylor):
            if (i + j) % 2 == 0:
                # i^i times the conjugate of i^j.
                coefficients[(i + j) // 2] += (-1) ** (abs(i - j) // 2) * a * b
    coefficients[0] -= 1
    return coefficients
