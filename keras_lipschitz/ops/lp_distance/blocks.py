"""One block of a batch after the other, on every backend."""

import math

import keras
from keras import ops


def in_blocks(function, choice, arrays, results, total=None):
    """Applies a function to blocks of a batch and puts its results together.

    Args:
        function: Function of blocks of the arrays. Returns a tuple of tensors
            with the same leading axis; or a pair of that and of a tensor of
            shape `total`, to be added up.
        choice: The `Choice` that says how large a block is. Zeros fill up the
            last one.
        arrays: Tensors with the same leading axis, the batch.
        results: Shape of an entry and dtype of each result.
        total: Shape of what is added up, or `None`.

    Returns:
        What `function` returns, of the whole batch.
    """
    batch = ops.shape(arrays[0])[0]
    if keras.backend.backend() == "torch":
        return _torch(function, choice.size, arrays, results, total)
    if keras.backend.backend() == "jax" and not isinstance(batch, int):
        # Only the shape of the result is asked for, or an export.
        return function(*arrays)
    size = _block_size(choice, batch)
    arrays = [_filled(a, size, batch) for a in arrays]
    if isinstance(batch, int) and batch <= size:
        values = function(*arrays)
        outputs, added = values if total else (values, None)
    elif keras.backend.backend() == "tensorflow":
        outputs, added = _tensorflow(function, size, arrays, results, total)
    else:
        outputs, added = _jax(function, size, arrays, total)
    outputs = tuple(o[:batch] for o in outputs)
    return (outputs, added) if total else outputs


def _block_size(choice, batch):
    if isinstance(batch, int):
        # Powers of two: few sizes to compile for.
        return min(choice.size, 2 ** math.ceil(math.log2(max(batch, 1))))
    if choice.compiled:
        return choice.size
    return ops.maximum(ops.minimum(choice.size, batch), 1)


def _filled(x, size, batch):
    missing = -batch % size
    return ops.pad(x, [(0, missing)] + [(0, 0)] * (len(x.shape) - 1))


def _tensorflow(function, size, arrays, results, total):
    import tensorflow as tf

    count = tf.shape(arrays[0])[0] // size
    blocks = [tf.reshape(a, (count, size, *a.shape[1:])) for a in arrays]
    rows = size if isinstance(size, int) else None
    outputs = tuple(
        tf.TensorArray(dtype, count, element_shape=(rows, *shape))
        for shape, dtype in results
    )

    def body(i, outputs, added):
        values = function(*(b[i] for b in blocks))
        if total:
            values, addend = values
            added = added + addend
        outputs = tuple(
            o.write(i, v) for o, v in zip(outputs, values, strict=True)
        )
        return i + 1, outputs, added

    _, outputs, added = tf.while_loop(
        lambda i, *_: i < count,
        body,
        (0, outputs, tf.zeros(total or (), arrays[0].dtype)),
    )
    joined = tuple(
        tf.reshape(o.stack(), (count * size, *shape))
        for o, (shape, _) in zip(outputs, results, strict=True)
    )
    return joined, added


def _jax(function, size, arrays, total):
    import jax

    def body(added, block):
        values = function(*block)
        if total:
            values, addend = values
            added = added + addend
        return added, values

    count = len(arrays[0]) // size
    blocks = [a.reshape(count, size, *a.shape[1:]) for a in arrays]
    start = ops.zeros(total or (), arrays[0].dtype)
    added, outputs = jax.lax.scan(body, start, blocks)
    return tuple(o.reshape(count * size, *o.shape[2:]) for o in outputs), added


def _torch(function, size, arrays, results, total):
    import torch

    # Results go into tensors made before: small ones that outlive a block
    # would fragment the memory of the large ones.
    batch = len(arrays[0])
    outputs = tuple(
        arrays[0].new_empty((batch, *shape), dtype=getattr(torch, dtype))
        for shape, dtype in results
    )
    added = arrays[0].new_zeros(total) if total else None
    for start in range(0, batch, size):
        block = slice(start, start + size)
        values = function(*(a[block] for a in arrays))
        if total:
            values, addend = values
            added += addend
        for output, value in zip(outputs, values, strict=True):
            output[block] = value
    return (outputs, added) if total else outputs
