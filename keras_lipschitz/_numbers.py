"""What counts as a number among arguments."""

import math

import numpy as np


def is_amount(value):
    """Whether `value` is a finite real number, zero or more."""
    return (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )


def check_count(name, value, at_least=0):
    """A whole number as an int, or a `ValueError` that says what is wrong."""
    if not is_amount(value) or value != int(value) or value < at_least:
        raise ValueError(
            f"`{name}` should be a whole number, {at_least} or more. Received: "
            f"{name}={value!r}"
        )
    return int(value)


def check_range(name, value):
    """A pair of numbers, the smaller first, as floats."""
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise ValueError(
            f"`{name}` should be a pair of numbers, the smaller first, or "
            f"None. Received: {name}={value!r}"
        )
    return low, high
