"""Distances and their gradients by broadcasting, for a few rows at once.

Each function makes tensors `(rows, inputs, columns)`, which a compiler for a
GPU need not keep.
"""

from keras import ops

# Differences of this size count as zero where they are divided by.
TINY = 1e-30


def largest(x, w, one_sided=False, keep=False):
    """`max_i |x_bi - w_io|`, or `max_i max(x_bi - w_io, 0)`.

    Returns:
        The tensor `(rows, columns)`, and an empty one: nothing is kept.
    """
    difference = x[:, :, None] - w
    size = difference if one_sided else ops.abs(difference)
    y = ops.max(size, axis=1)
    y = ops.relu(y) if one_sided else y
    return y, ops.cast(y[:, :0], "int32")


def largest_gradient(x, w, y, place, g, one_sided=False):
    """Gradients of `sum(g * largest(x, w))`: of the first largest difference.

    Returns:
        The gradients to `x` and `w`.
    """
    difference = x[:, :, None] - w
    size = difference if one_sided else ops.abs(difference)
    first = ops.cast(ops.argmax(size, axis=1), "int32")
    inputs = ops.arange(x.shape[1], dtype="int32")[:, None]
    slope = ops.sign(difference) * _where(y > 0.0, g)[:, None]
    return _sums(_where(inputs == first[:, None], slope))


def norm(x, w, p):
    """`(sum_i |x_bi - w_io|^p)^(1/p)` of finite `p`."""
    size = ops.abs(x[:, :, None] - w)
    scale = ops.max(size, axis=1)
    ratio = size * inverse_of(scale)[:, None]
    total = ops.sum(ops.power(ratio, p), axis=1)
    return scale * ops.power(total, 1.0 / p)


def norm_gradient(x, w, p, y, g):
    """Gradients of `sum(g * norm(x, w, p))` to `x` and `w`.

    With `u = (x_bi - w_io) / y_bo`, each pair adds `g_bo sign(u) |u|^(p - 1)`
    to `dx_bi` and takes it from `dw_io`.
    """
    u = (x[:, :, None] - w) * inverse_of(y)[:, None]
    slope = ops.sign(u) * ops.power(ops.abs(u), p - 1.0)
    return _sums(slope * g[:, None])


def inverse_of(size):
    """`1 / size`, and zero where there is nothing to divide by."""
    divisible = size > TINY
    divisor = ops.where(divisible, size, ops.ones_like(size))
    return _where(divisible, 1.0 / divisor)


def _where(condition, x):
    # Not 0.0, of which Keras makes a float32 on PyTorch.
    return ops.where(condition, x, ops.zeros_like(x))


def _sums(contributions):
    return ops.sum(contributions, axis=2), -ops.sum(contributions, axis=0)
