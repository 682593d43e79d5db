"""Powers that a compiler turns into a few vector instructions."""

import collections

import numpy as np
from keras import ops

# `log2(1 + f) / f` on [sqrt(1/2) - 1, sqrt(2) - 1] and `2^r` on [-1/2, 1/2]:
# least-squares fits, reweighted until the largest error is smallest. They err
# by 3e-7 (of the logarithm) and 3e-6 (relative), of which the p-th root leaves
# the p-th part.
_LOGARITHM = np.array(
    [
        1.442699670791626,
        -0.7213758826255798,
        0.48046502470970154,
        -0.3589618504047394,
        0.29726260900497437,
        -0.2726980149745941,
        0.17063450813293457,
    ],
    "float32",
)
_EXPONENTIAL = np.array(
    [
        0.9999992847442627,
        0.6931217908859253,
        0.240247443318367,
        0.05591786280274391,
        0.009570102207362652,
    ],
    "float32",
)
_ROOT_HALF = np.int32(0x3F3504F3)
_EXPONENT_BITS = np.int32(-0x800000)
_MANTISSA = np.int32(23)
# Added to a small float, rounds it to a whole number in the lowest bits.
_ROUND = np.float32(1.5 * 2.0**23)

Exponent = collections.namedtuple("Exponent", ["logarithm", "unit", "lowest"])


def exponent(p):
    """What `power` needs to know of its exponent, computed once."""
    lowest = ops.power(np.float32(2), np.float32(-126) / ops.maximum(p, 1.0))
    return Exponent(
        [p * c for c in _LOGARITHM],
        p * np.float32(2.0**-23),
        ops.view(lowest, "int32"),
    )


def power(size, exponent):
    """`size ** p` of float32 `size` in [0, 1], no less than 2^-126.

    `size = m 2^e` with `m` around 1, so `p log2(size) = p e + p log2(m)` is a
    polynomial in `m - 1`; its whole part goes back into the exponent bits.
    """
    bits = ops.maximum(ops.view(size, "int32"), exponent.lowest)
    e = ops.bitwise_and(bits - _ROOT_HALF, _EXPONENT_BITS)
    f = ops.view(bits - e, "float32") - np.float32(1)
    z = _polynomial(exponent.logarithm, f) * f
    z = z + ops.cast(e, "float32") * exponent.unit
    whole = ops.view(z + _ROUND, "int32")
    rest = z - ops.cast(whole - _ROUND.view("int32"), "float32")
    root = ops.view(_polynomial(_EXPONENTIAL, rest), "int32")
    return ops.view(root + ops.left_shift(whole, _MANTISSA), "float32")


def _polynomial(coefficients, x):
    value = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = value * x + c
    return value
