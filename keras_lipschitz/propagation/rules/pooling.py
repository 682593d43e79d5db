"""Pooling layers, with the windows counted that share a cell."""

import functools
import math

import keras
import numpy as np
import scipy.sparse
from keras import layers

from keras_lipschitz.ops.nonnegative import averaging_norm
from keras_lipschitz.ops.rounding import root_up
from keras_lipschitz.propagation.registry import register_rule
from keras_lipschitz.propagation.rules.sizes import spatial_sizes


@register_rule(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
def max_pooling(layer, x):
    """The root of the largest number of windows that share a cell.

    Where that cell is the largest of them all, every window moves with it.
    """
    overlap = math.prod(
        _largest_overlap(*axis, layer.padding) for axis in axes_of(layer, x)
    )
    return x.constant * root_up(overlap)


@register_rule(
    layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D
)
def average_pooling(layer, x):
    """Averages along one axis after another: the product of their norms."""
    constant = x.constant
    for axis in averaging_axes(layer, x):
        constant = constant * _average_norm(*axis)
    return constant


@register_rule(
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
)
def global_max_pooling(layer, x):
    return x.constant


@register_rule(
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
)
def global_average_pooling(layer, x):
    """The mean of `n` entries moves by `1 / sqrt(n) = sqrt(n) / n`."""
    n = math.prod(spatial_sizes(layer, x))
    return x.constant * root_up(n) / float(n)


def axes_of(layer, x):
    """`(size, window, stride)` of every spatial axis."""
    sizes = spatial_sizes(layer, x)
    return list(zip(sizes, layer.pool_size, layer.strides, strict=True))


def averaging_axes(layer, x):
    """What `averaging_weights` takes, for every spatial axis.

    PyTorch cannot pad unequally and leave the padding out, so there Keras
    repeats the border instead.
    """
    axes = axes_of(layer, x)
    repeat_border = keras.backend.backend() == "torch" and any(
        sum(_padding(*axis, layer.padding)) % 2 for axis in axes
    )
    return [(*axis, layer.padding, repeat_border) for axis in axes]


def averaging_weights(size, window, stride, padding, repeat_border):
    """Sparse array `(windows, size)`: how often a mean counts each cell."""
    cells = cells_of(size, window, stride, padding)
    inside = (cells >= 0) & (cells < size)
    counted = np.ones_like(inside) if repeat_border else inside
    rows, _ = np.nonzero(counted)
    columns = np.clip(cells, 0, size - 1)[counted]
    return scipy.sparse.coo_array(
        (np.ones_like(rows), (rows, columns)), (len(cells), size)
    )


def _padding(size, window, stride, padding):
    """How many cells `padding` adds before and after."""
    if padding == "valid":
        return 0, 0
    windows = -(-size // stride)
    total = max((windows - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def cells_of(size, window, stride, padding):
    """Array `(windows, window)` of cells; those in the padding are outside."""
    before, after = _padding(size, window, stride, padding)
    starts = np.arange(-before, size + after - window + 1, stride)
    return starts[:, None] + np.arange(window)


def _largest_overlap(size, window, stride, padding):
    cells = cells_of(size, window, stride, padding)
    inside = (cells >= 0) & (cells < size)
    return int(np.bincount(cells[inside]).max())


@functools.lru_cache
def _average_norm(*axis):
    """The norm of averaging along one axis."""
    return averaging_norm(averaging_weights(*axis))
