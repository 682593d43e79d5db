"""Plain numbers, rounded up so that they stay bounds."""

import math

import numpy as np


def root_up(n):
    """The square root of a whole number, rounded up unless it is exact."""
    root = math.isqrt(n)
    return float(root) if root * root == n else math.nextafter(n**0.5, math.inf)


def parameter_up(value):
    """The size of a hyperparameter, rounded up for float32 arithmetic.

    A layer uses the float32 that is nearest to the Python number it was given,
    which may be the larger of the two.

    Args:
        value: Float, or array of floats.

    Returns:
        Float32 array (or scalar), at least `abs(value)` and at least its
        float32.
    """
    size = np.abs(np.asarray(value, "float64"))
    with np.errstate(over="ignore"):
        nearest = size.astype("float32")
    up = np.nextafter(nearest, np.float32(np.inf))
    return np.where(nearest == size, nearest, up)
