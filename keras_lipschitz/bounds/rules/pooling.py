"""Pooling layers, with the windows counted that share a cell."""

import functools
import math

import keras
import numpy as np
import scipy.sparse
from keras import layers

from keras_lipschitz.bounds.registry import register_rule
from keras_lipschitz.bounds.rules.sizes import spatial_sizes
from keras_lipschitz.ops.nonnegative import averaging_norm
from keras_lipschitz.ops.rounding import root_up


@register_rule(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
def max_pooling(layer, x):
    """The root of the largest number of windows that share a cell.

    Where that cell is the largest of them all, every window moves with it.
    """
    overlap = math.prod(
        _largest_overlap(*axis, layer.padding) for axis in _axes(layer, x)
    )
    return x.constant * root_up(overlap)


@register_rule(
    layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D
)
def average_pooling(layer, x):
    """Averages along one axis after another: the product of their norms."""
    axes = _axes(layer, x)
    repeat_border = keras.backend.backend() == "torch" and any(
        sum(_padding(*axis, layer.padding)) % 2 for axis in axes
    )
    constant = x.constant
    for axis in axes:
        constant = constant * _average_norm(*axis, layer.padding, repeat_border)
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


def _axes(layer, x):
    """`(size, window, stride)` of every spatial axis."""
    sizes = spatial_sizes(layer, x)
    return list(zip(sizes, layer.pool_size, layer.strides, strict=True))


def _padding(size, window, stride, padding):
    """How many cells `padding` adds before and after."""
    if padding == "valid":
        return 0, 0
    windows = -(-size // stride)
    total = max((windows - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def _cells(size, window, stride, padding):
    """Array `(windows, window)` of cells; those in the padding are outside."""
    before, after = _padding(size, window, stride, padding)
    starts = np.arange(-before, size + after - window + 1, stride)
    return starts[:, None] + np.arange(window)


def _largest_overlap(size, window, stride, padding):
    cells = _cells(size, window, stride, padding)
    inside = (cells >= 0) & (cells < size)
    return int(np.bincount(cells[inside]).max())


@functools.lru_cache
def _average_norm(size, window, stride, padding, repeat_border):
    """The norm of averaging along one axis.

    The mean is over the cells inside. PyTorch cannot pad unequally and leave
    the padding out, so there Keras repeats the border instead.
    """
    cells = _cells(size, window, stride, padding)
    inside = (cells >= 0) & (cells < size)
    counted = np.ones_like(inside) if repeat_border else inside
    rows, _ = np.nonzero(counted)
    columns = np.clip(cells, 0, size - 1)[counted]
    return averaging_norm(
        scipy.sparse.coo_array(
            (np.ones_like(rows), (rows, columns)), (len(cells), size)
        )
    )
