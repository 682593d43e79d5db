"""Distances of vectors to the columns of a matrix."""

import math

from keras import ops

from keras_lipschitz.ops.lp_distance.arguments import check_matrix
from keras_lipschitz.ops.lp_distance.arguments import is_infinite
from keras_lipschitz.ops.lp_distance.arguments import standardized
from keras_lipschitz.ops.lp_distance.distance import distance


def lp_distance(x, w, p, *, training=False):
    """The l_p distance of each input to each column of `w`.

        y_o = ||x - w_o||_p = (sum_i |x_i - w_io|^p)^(1/p),

    at `p = inf` the largest difference, exactly. Differentiable in `x` and
    `w`, not in `p`. Where the two are equal the gradient is zero, and at
    `p = inf` it is that of the first largest difference (of all of them on a
    CPU in PyTorch). On a CPU the gradient is the same each time, bit by bit.

    A tensor of all differences is never made. What is needed beside the
    arguments and the result is a few tens of MiB, and for the gradient two
    more tensors of the size of `w`.

    Args:
        x: Floating-point tensor `(..., inputs)`. What is less precise than
            float32 is computed in float32.
        w: Tensor `(inputs, outputs)`.
        p: Number, at least 1 or infinite, or a scalar tensor that holds one
            and may change without a new trace.
        training: Whether a gradient is expected. At `p = inf` it then costs
            less, and the distance a little more, on TensorFlow; both are the
            same.

    Returns:
        Tensor `(..., outputs)`, float64 where `x` is, otherwise float32.

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, 2021](
          https://arxiv.org/abs/2102.05363)
    """
    infinite = is_infinite(p)
    x, w, p = standardized(x, w, p)
    check_matrix(x, w)
    y = distance(_rows(x), w, p, infinite=infinite, keep=training)
    return _as_before(y, x)


def linf_distance_bounds(lower, upper, w, *, training=False):
    """The smallest interval with all l_inf distances from points of a box.

        upper_o = max_i max(|l_i - w_io|, |u_i - w_io|)
        lower_o = max_i max(l_i - w_io, w_io - u_i, 0)

    Args:
        lower: Tensor `(..., inputs)`: lower corner of the box.
        upper: Tensor of the same shape: upper corner.
        w: Tensor `(inputs, outputs)`.
        training: As in `lp_distance`.

    Returns:
        Pair of tensors `(..., outputs)`: lower and upper bound,
        differentiable in all arguments.
    """
    lower, upper, w = standardized(lower, upper, w)
    check_matrix(lower, w)
    bounds = bounds_of(_rows(lower), _rows(upper), w, training)
    return tuple(_as_before(y, lower) for y in bounds)


def bounds_of(lower, upper, w, keep, window=None):
    """`linf_distance_bounds` of rows, or of the patches in a window."""

    def largest(x, w, one_sided):
        p = ops.cast(math.inf, x.dtype)
        return distance(x, w, p, True, keep, window, one_sided)

    # The farthest point of an interval is one of its ends.
    far = ops.maximum(largest(lower, w, False), largest(upper, w, False))
    near = ops.maximum(largest(lower, w, True), largest(-upper, -w, True))
    return near, far


def _rows(x):
    return ops.reshape(x, (-1, x.shape[-1]))


def _as_before(y, x):
    return ops.reshape(y, (*ops.shape(x)[:-1], y.shape[-1]))
