"""What the distances take."""

import math
import numbers

import keras
from keras import ops


def standardized(x, *others):
    """The arguments as tensors of the precision to compute in."""
    x = ops.convert_to_tensor(x)
    double = keras.backend.standardize_dtype(x.dtype) == "float64"
    dtype = "float64" if double else "float32"
    return [ops.cast(a, dtype) for a in (x, *others)]


def is_infinite(p):
    """Whether `p` is infinite; `None` of a tensor, which may change."""
    if not isinstance(p, numbers.Real):
        return None
    if not p >= 1:
        raise ValueError(
            f"Expected `p` to be at least 1, or infinite. Received: p={p}"
        )
    return math.isinf(p)


def check_matrix(x, w):
    """Refuses a matrix that does not fit rows."""
    if len(w.shape) != 2 or x.shape[-1] != w.shape[0]:
        raise ValueError(
            "Expected `w` of shape (inputs, outputs), with as many inputs as "
            f"the last axis of `x`. {_received(x, w)}"
        )


def check_filters(x, w, padding):
    """Refuses filters that do not fit images with channels last."""
    if padding not in ("valid", "same"):
        raise ValueError(
            "Expected `padding` to be 'valid' or 'same'. Received: "
            f"padding={padding!r}"
        )
    if len(x.shape) != 4 or None in x.shape[1:]:
        raise ValueError(
            "Expected images of known height and width. Received: shape "
            f"{tuple(x.shape)} with channels last"
        )
    if len(w.shape) != 4 or x.shape[-1] != w.shape[2]:
        raise ValueError(
            "Expected `w` of shape (*kernel_size, channels, filters), with as "
            f"many channels as the images. {_received(x, w)}"
        )
    if padding == "valid" and any(
        k > n for n, k in zip(x.shape[1:3], w.shape[:2], strict=True)
    ):
        raise ValueError(
            "Expected images no smaller than the kernel, as padding is "
            f"'valid'. {_received(x, w)}"
        )


def _received(x, w):
    return f"Received: x of shape {tuple(x.shape)}, w of shape {tuple(w.shape)}"
