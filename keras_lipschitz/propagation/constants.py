"""Arithmetic of constants: floats, upper bounds on the host, or tensors."""

import functools

import numpy as np
from keras import ops


def largest(constants):
    """The largest of constants of one kind and shape."""
    return functools.reduce(_larger, constants)


def _larger(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return max(a, b)
    if hasattr(a, "__array_interface__") and hasattr(b, "__array_interface__"):
        return np.maximum(a, b)
    return ops.maximum(a, b)
