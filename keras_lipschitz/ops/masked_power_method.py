"""The power method on a part of a `LinearMap`, sample by sample."""

import math

from keras import ops

from keras_lipschitz.ops.power_method import TINY

# How long what is added to a start is, beside its length of one.
_ADDED = 1e-2


def masked_norms(linear_map, kernel, start, columns, rows, steps=1):
    """Estimates the norms of `D A C` with masks of each sample's own.

    `C` keeps the inputs that can vary and `D` the outputs that matter. The
    power method begins with the start, of all samples, behind `D`. As in
    `power_method`, the result approaches the norm **from below** and is
    differentiated with the vectors held constant.

    Args:
        linear_map: The `LinearMap` `A`.
        kernel: The kernel of `A`; the estimate is differentiable in it.
        start: Left vector, of shape `(1, *output_shape)`.
        columns: Float tensor `(batch, *input_shape)` of zeros and ones.
        rows: Float tensor `(batch, *output_shape)` of zeros and ones.
        steps: How many steps to take, at least one.

    Returns:
        Tensor `(batch,)`; zero, with gradient zero, where nothing varies.
    """
    frozen = ops.stop_gradient(kernel)

    def adjoint_step(u):
        return _units(columns * linear_map.apply_adjoint(_units(u), frozen))

    def whole_step(_, u):
        return rows * linear_map.apply(adjoint_step(u), frozen)

    # The start may lie in what is left out: that of a depthwise convolution is
    # in one channel alone.
    added = _ADDED / math.sqrt(math.prod(linear_map.output_shape))
    u = (ops.stop_gradient(start) + added) * rows
    # A loop, because compilers take long for many convolutions.
    u = ops.stop_gradient(_repeated(whole_step, u, steps - 1))
    v = ops.stop_gradient(adjoint_step(u))
    u = rows * linear_map.apply(v, kernel)
    squared = _squared_lengths(u)
    positive = squared > TINY
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def row_norms(linear_map, kernel):
    """`||A_i||_2` of every output, padding taken into account.

    Returns:
        Tensor `(1, *output_shape)`.
    """
    ones = ops.ones((1, *linear_map.input_shape))
    squared = linear_map.apply(ones, ops.square(kernel))
    positive = squared > 0.0
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def _repeated(step, u, times):
    return step(0, u) if times == 1 else ops.fori_loop(0, times, step, u)


def _squared_lengths(x):
    return ops.sum(ops.square(x), axis=tuple(range(1, len(x.shape))))


def _units(x):
    lengths = ops.rsqrt(ops.maximum(_squared_lengths(x), TINY))
    return x * ops.reshape(lengths, (-1, *[1] * (len(x.shape) - 1)))
