"""Norms in which an input may be perturbed."""

import math

NORMS = (2, "inf")


def check_norm(norm):
    """`2` or `"inf"`, or a `ValueError`."""
    if isinstance(norm, float) and math.isinf(norm) and norm > 0:
        return "inf"
    if isinstance(norm, bool) or norm not in NORMS:
        raise ValueError(
            f"`norm` should be 2 or 'inf'. Received: norm={norm!r}"
        )
    return norm if norm == "inf" else 2


def norm_name(norm):
    """`"l2"` or `"l_inf"`."""
    return "l2" if norm == 2 else "l_inf"
