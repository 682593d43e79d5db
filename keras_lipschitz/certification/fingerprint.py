"""Which weights a certificate speaks of."""

import hashlib

import numpy as np


def fingerprint(variables):
    """SHA-256 of the values, shapes and order of variables.

    Args:
        variables: Iterable of Keras variables or arrays.

    Returns:
        A hexadecimal string.
    """
    digest = hashlib.sha256()
    for variable in variables:
        array = np.ascontiguousarray(variable)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.view(np.uint8) if array.ndim else array.tobytes())
    return digest.hexdigest()
