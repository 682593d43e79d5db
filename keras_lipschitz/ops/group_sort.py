"""Sorting within groups of channels."""

import functools

import keras
from keras import ops

from keras_lipschitz.ops.sort_pair import sort_pair

# Up to this size a network of comparisons beats the backends' sort.
_LARGEST_NETWORK = 16


def group_sort(x, group_size, axis=-1):
    """Sorts each group of consecutive entries along an axis, ascending.

    Args:
        x: Floating-point tensor.
        group_size: Integer that divides the size of the axis.
        axis: Integer.

    Returns:
        A tensor of the shape of `x`.
    """
    axis = axis % len(x.shape)
    shape = list(ops.shape(x))
    if group_size == shape[axis] and group_size > _LARGEST_NETWORK:
        return ops.sort(x, axis=axis)
    groups = [shape[axis] // group_size, group_size]
    grouped = ops.reshape(x, shape[:axis] + groups + shape[axis + 1 :])
    if group_size > _LARGEST_NETWORK:
        return ops.reshape(ops.sort(grouped, axis=axis + 1), shape)
    # Members first: taking them apart is then free.
    members = list(ops.unstack(ops.moveaxis(grouped, axis + 1, 0)))
    grouped = ops.moveaxis(ops.stack(_sorted(members)), 0, axis + 1)
    return ops.reshape(grouped, shape)


def group_sort_in_training(x, group_size, axis=-1):
    """`group_sort`, as fast as it goes, in a form that is not exported."""
    if keras.backend.backend() == "tensorflow":
        return _compiled_group_sort(group_size, axis)(x)
    return group_sort(x, group_size, axis)


@functools.cache
def _compiled_group_sort(group_size, axis):
    # Taking channels apart and together again costs TensorFlow four times as
    # much as the sorting, unless XLA makes one loop of it.
    import tensorflow as tf

    return tf.function(
        lambda x: group_sort(x, group_size, axis), jit_compile=True
    )


def _sorted(members):
    for i, j in comparisons(len(members)):
        members[i], members[j] = sort_pair(members[i], members[j])
    return members


def comparisons(n):
    """Batcher's merge-exchange: which entries to compare to sort `n` of them.

    Algorithm M of Knuth, The Art of Computer Programming, section 5.2.2.
    """
    pairs = []
    top = p = 1 << max((n - 1).bit_length() - 1, 0)
    while p:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            q, r, d = q // 2, p, q - p
        p //= 2
    return pairs
