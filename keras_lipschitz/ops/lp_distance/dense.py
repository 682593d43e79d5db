"""Distances of vectors to the columns of a matrix."""

import functools
import math
import numbers

import keras
from keras import ops

from keras_lipschitz.ops.lp_distance import broadcast
from keras_lipschitz.ops.lp_distance.gradient import with_gradient


def lp_distance(x, w, p, *, training=False, deterministic=False):
    """The l_p distance of each input to each column of `w`.

        y_o = ||x - w_o||_p = (sum_i |x_i - w_io|^p)^(1/p),

    at `p = inf` the largest difference, exactly. Differentiable in `x` and
    `w`, not in `p`; where the two are equal the gradient is zero, and at
    `p = inf` it belongs to the first largest difference.

    Args:
        x: Floating-point tensor `(..., inputs)`. What is less precise than
            float32 is computed in float32.
        w: Tensor `(inputs, outputs)`.
        p: Number, at least 1 or infinite, or a scalar tensor that holds one:
            it may change without a new trace.
        training: Whether a gradient will be asked for: at `p = inf` some
            backends then keep where the largest difference is instead of
            finding it again.
        deterministic: Whether the same arguments must always give the same
            gradient, bit by bit.

    Returns:
        Tensor `(..., outputs)`, float64 where `x` is, otherwise float32.

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, 2021](
          https://arxiv.org/abs/2102.05363)
    """
    x, w, p = standardized(x, w, p)
    if len(w.shape) != 2 or x.shape[-1] != w.shape[0]:
        raise ValueError(
            "Expected `w` of shape (inputs, outputs), with as many inputs as "
            f"the last axis of `x`. Received: x of shape {tuple(x.shape)}, w "
            f"of shape {tuple(w.shape)}"
        )
    leading = ops.shape(x)[:-1]
    rows = ops.reshape(x, (-1, x.shape[-1]))
    return ops.reshape(distance(rows, w, p), (*leading, w.shape[1]))


def linf_distance_bounds(lower, upper, w, *, training=False):
    """Bounds of the l_inf distance over a box: the smallest interval.

        upper_o = max_i max(|l_i - w_io|, |u_i - w_io|)
        lower_o = max_i max(l_i - w_io, w_io - u_i, 0)

    Args:
        lower: Tensor `(..., inputs)`: lower corner of the box.
        upper: Tensor of the same shape: upper corner.
        w: Tensor `(inputs, outputs)`.
        training: As in `lp_distance`.

    Returns:
        Pair of tensors `(..., outputs)`, differentiable in all arguments.
    """
    leading = ops.shape(lower)[:-1]
    lower, w, p = standardized(lower, w, math.inf)
    upper = ops.cast(upper, lower.dtype)

    def apply(a, b, one_sided=False):
        rows = ops.reshape(a, (-1, a.shape[-1]))
        y = distance(rows, b, p, one_sided)
        return ops.reshape(y, (*leading, w.shape[1]))

    # An end of an interval is farthest, and a one-sided distance is zero or
    # more: each bound is the larger of two distances.
    far = ops.maximum(apply(lower, w), apply(upper, w))
    near = ops.maximum(apply(lower, w, True), apply(-upper, -w, True))
    return near, far


def standardized(x, w, p):
    """The arguments as tensors of the precision to compute in."""
    check_p(p)
    x = ops.convert_to_tensor(x)
    dtype = keras.backend.standardize_dtype(x.dtype)
    dtype = "float64" if dtype == "float64" else "float32"
    return ops.cast(x, dtype), ops.cast(w, dtype), ops.cast(p, dtype)


def check_p(p):
    if isinstance(p, numbers.Real) and not p >= 1:
        raise ValueError(
            f"Expected `p` to be at least 1, or infinite. Received: p={p}"
        )


def distance(rows, w, p, one_sided=False):
    """`lp_distance` of a matrix, of checked arguments."""
    function = with_gradient(
        functools.partial(broadcast.forward, one_sided=one_sided),
        functools.partial(broadcast.backward, one_sided=one_sided),
    )
    return function(rows, w, p)
