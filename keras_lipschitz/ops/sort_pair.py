"""The smaller and the larger of two tensors, entry by entry."""

import keras
from keras import ops

_WORDS = {"bfloat16": "uint16", "float16": "uint16", "float32": "uint32"}


def sort_pair(a, b):
    """`(min(a, b), max(a, b))`, differentiated as a permutation.

    Where `a > b` the two change places, else they stay: also where they are
    equal, so the Jacobian is always a permutation matrix. (Backends' own
    gradients of `minimum` and `maximum` share or double a tie.)

    Args:
        a: Floating-point tensor.
        b: Tensor of the same shape and dtype.

    Returns:
        A pair of tensors of that shape.
    """
    dtype = keras.backend.standardize_dtype(a.dtype)
    if keras.backend.backend() == "tensorflow" and dtype in _WORDS:
        return _sort_pair_in_words(a, b)
    return select_pair(a, b)


def select_pair(a, b):
    """`sort_pair` on every backend, by selection."""
    exchange = a > b
    return ops.where(exchange, b, a), ops.where(exchange, a, b)


# Without XLA, TensorFlow's selections cost more than arithmetic; arithmetic on
# the words that hold the floats wraps around, so it moves them unrounded. The
# backward pass keeps one byte for each pair, and neither of its members.
@ops.custom_gradient
def _sort_pair_in_words(a, b):
    exchange = a > b

    def gradient(*args, upstream=None):
        low, high = upstream if upstream is not None else args
        dtype = keras.backend.standardize_dtype(low.dtype)
        low, high = (ops.view(g, _WORDS[dtype]) for g in (low, high))
        difference = (high - low) * ops.cast(exchange, _WORDS[dtype])
        return (
            ops.view(low + difference, dtype),
            ops.view(high - difference, dtype),
        )

    return (ops.minimum(a, b), ops.maximum(a, b)), gradient
