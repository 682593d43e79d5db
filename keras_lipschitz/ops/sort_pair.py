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
        return _sort_pair_by_arithmetic(a, b)
    return select_pair(a, b)


def select_pair(a, b):
    """`sort_pair` on every backend, by selection."""
    exchange = a > b
    return ops.where(exchange, b, a), ops.where(exchange, a, b)


# Without XLA, selection is slow on TensorFlow, and the gradient of a selection
# is two of them. Arithmetic is fast, and the backward pass keeps one byte for
# each pair instead of its members.
@ops.custom_gradient
def _sort_pair_by_arithmetic(a, b):
    exchange = a > b

    def gradient(low, high):
        return _exchange(exchange, low, high)

    return (ops.minimum(a, b), ops.maximum(a, b)), gradient


def _exchange(exchange, a, b):
    """`(b, a)` where `exchange`, else `(a, b)`: its own gradient."""

    @ops.custom_gradient
    def exchanged(a, b):
        def gradient(low, high):
            return _exchange(exchange, low, high)

        # Sums of the words that hold the floats wrap around: nothing is
        # rounded, and an infinite gradient stays with its entry.
        dtype = keras.backend.standardize_dtype(a.dtype)
        a, b = ops.view(a, _WORDS[dtype]), ops.view(b, _WORDS[dtype])
        change = (b - a) * ops.cast(exchange, _WORDS[dtype])
        return (
            ops.view(a + change, dtype),
            ops.view(b - change, dtype),
        ), gradient

    return exchanged(a, b)
