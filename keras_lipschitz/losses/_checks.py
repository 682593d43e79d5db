"""Checks of the numbers that losses take."""

import numpy as np

from keras_lipschitz._numbers import is_amount


def check_share(name, value):
    """A number from 0 to 1 as a float."""
    if not is_amount(value) or value > 1:
        raise ValueError(
            f"`{name}` should be a number from 0 to 1. Received: "
            f"{name}={value!r}"
        )
    return float(value)


def check_probability(name, value):
    """A number between 0 and 1, also once it is a float32, as a float."""
    if not is_amount(value) or not 1e-37 <= np.float32(value) < 1:
        raise ValueError(
            f"`{name}` should be a probability, between 0 and 1 (both left "
            f"out). Received: {name}={value!r}"
        )
    return float(value)


def check_amount(name, value):
    """A finite number, zero or more, as a float."""
    if not is_amount(value):
        raise ValueError(
            f"`{name}` should be a finite number, zero or more. Received: "
            f"{name}={value!r}"
        )
    return float(value)


def check_positive(name, value):
    """A finite number larger than zero, as a float."""
    if not is_amount(value) or not value:
        raise ValueError(
            f"`{name}` should be a finite number larger than zero. Received: "
            f"{name}={value!r}"
        )
    return float(value)
