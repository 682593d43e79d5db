"""Layers of distances in the l_inf norm, and the shifts between them."""

import keras
import numpy as np
from keras import ops
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import distance

from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.formats import SINGLE
from keras_lipschitz.certification.norms.operators import same_padding
from keras_lipschitz.layers.linf_dist import LInfDist
from keras_lipschitz.layers.linf_dist_conv2d import LInfDistConv2D
from keras_lipschitz.layers.mean_shift import MeanShift
from keras_lipschitz.ops.lp_distance import linf_distance_bounds

# Boxes in a block for the device, and entries of the points that make the
# compilation worth it.
_BLOCK = 128
_MANY = 2**16


@register_evaluation(LInfDist)
def linf_dist(layer, step):
    return _distances(layer, lambda x: x)


@register_evaluation(LInfDistConv2D)
def linf_dist_conv2d(layer, step):
    return _distances(layer, lambda x: patches_of(layer, x))


def _distances(layer, patches):
    """Each distance is one difference, and the bias one more sum."""
    kernel = host_array(layer.kernel)
    points = kernel.reshape(-1, kernel.shape[-1]).T
    bias = np.zeros(len(points))
    if layer.bias is not None:
        bias = host_array(layer.bias)
    first = getattr(layer, "data_format", None) == "channels_first"

    def compute(x):
        x = patches(x)
        rows = x.reshape(-1, x.shape[-1])
        y = distance.cdist(rows, points, "chebyshev") + bias
        y = y.reshape(*x.shape[:-1], len(points))
        return np.moveaxis(y, -1, 1) if first else y

    def box(ends):
        lower, upper = (patches(end) for end in ends)
        shape = (*lower.shape[:-1], len(points))
        near, far = distance_bounds(
            lower.reshape(-1, lower.shape[-1]),
            upper.reshape(-1, upper.shape[-1]),
            points,
        )
        ends = (y.reshape(shape) + bias for y in (near, far))
        return tuple(np.moveaxis(y, -1, 1) if first else y for y in ends)

    offset = np.abs(points).max(axis=1) + np.abs(bias)
    return Evaluation(compute, roundings=2, offset=offset, box=box)


def distance_bounds(lower, upper, points):
    """The smallest and the largest l_inf distance from each point in boxes.

    Args:
        lower: Array `(boxes, entries)`.
        upper: Array of the same shape.
        points: Array `(points, entries)`.

    Returns:
        Two arrays `(boxes, points)`, a lower and an upper bound.
    """
    if _worth_tiles(lower, points):
        return _bounds_in_tiles(lower, upper, points)
    far = np.maximum(
        distance.cdist(lower, points, "chebyshev"),
        distance.cdist(upper, points, "chebyshev"),
    )
    near = np.maximum(
        _largest_excess(lower, points), _largest_excess(-upper, -points)
    )
    return near, far


def _largest_excess(x, points):
    """Lower bounds of `max_i max(x_i - w_i, 0)`, for each pair.

    Shifted so far that no difference is negative, it is a distance.
    """
    shift = np.abs(x).max(initial=0.0) + np.abs(points).max(initial=0.0)
    excess = distance.cdist(x + shift, points, "chebyshev") - shift
    # Three sums are rounded, none of them larger than twice the shift.
    return np.maximum(excess - 8.0 * DOUBLE.unit * shift, 0.0)


def _worth_tiles(x, points):
    return (
        keras.backend.backend() != "torch"
        and len(x) > _BLOCK // 2
        and points.size >= _MANY
        and np.array_equal(points.astype("float32"), points)
    )


def _bounds_in_tiles(lower, upper, points):
    """The same in float32 on the device, rounded outwards."""
    w = ops.convert_to_tensor(points.T.astype("float32"))
    near, far = [], []
    for start in range(0, len(lower), _BLOCK):
        # Blocks of one size: the code for another would have to be compiled.
        rows = slice(start, start + _BLOCK)
        missing = (0, _BLOCK - len(lower[rows])), (0, 0)
        ends = linf_distance_bounds(
            np.pad(_rounded(lower[rows], -np.inf), missing),
            np.pad(_rounded(upper[rows], np.inf), missing),
            w,
        )
        for kept, end in zip((near, far), ends, strict=True):
            end = ops.convert_to_numpy(end)[: len(lower[rows])]
            kept.append(end.astype("float64"))
    return _outwards(np.concatenate(near), np.concatenate(far))


def _outwards(near, far):
    """Bounds of what float32 computed: differences that were rounded once."""
    slack, lost = 2.0 * SINGLE.unit, 4.0 * SINGLE.tiny
    known = np.isfinite(near) & np.isfinite(far)
    near = np.where(known, near * (1.0 - slack) - lost, 0.0)
    far = np.where(known, far * (1.0 + slack) + lost, np.inf)
    return np.maximum(near, 0.0), far


def _rounded(x, towards):
    """The nearest float32 that is not on the other side."""
    with np.errstate(over="ignore"):
        y = x.astype("float32")
    inside = y > x if towards < 0 else y < x
    return np.where(inside, np.nextafter(y, np.float32(towards)), y)


def patches_of(layer, x):
    """Array `(batch, height, width, patch)` of what filters look at."""
    if layer.data_format == "channels_first":
        x = np.moveaxis(x, 1, -1)
    if layer.padding == "same":
        widths = [
            same_padding(n, k, s)
            for n, k, s in zip(
                x.shape[1:3], layer.kernel_size, layer.strides, strict=True
            )
        ]
        x = np.pad(x, ((0, 0), *widths, (0, 0)))
    windows = sliding_window_view(x, layer.kernel_size, axis=(1, 2))
    down, right = layer.strides
    windows = np.moveaxis(windows[:, ::down, ::right], 3, -1)
    return windows.reshape(*windows.shape[:3], -1)


@register_evaluation(MeanShift)
def mean_shift(layer, step):
    shape = [1] * len(step.input_shapes[0])
    shape[layer.axis] = -1
    mean = host_array(layer.moving_mean).reshape(shape)
    return Evaluation(lambda x: x - mean, roundings=1, offset=np.abs(mean))
