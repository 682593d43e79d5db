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
