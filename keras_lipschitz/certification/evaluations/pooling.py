"""Pooling layers."""

import math

import numpy as np
from keras import layers

from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.layers._spatial import root_down
from keras_lipschitz.layers.l2_norm_pooling2d import L2NormPooling2D
from keras_lipschitz.layers.scaled_average_pooling2d import (
    ScaledAveragePooling2D,
)
from keras_lipschitz.layers.scaled_global_average_pooling2d import (
    ScaledGlobalAveragePooling2D,
)
from keras_lipschitz.propagation.registry import Signal
from keras_lipschitz.propagation.rules.pooling import averaging_axes
from keras_lipschitz.propagation.rules.pooling import averaging_weights
from keras_lipschitz.propagation.rules.pooling import axes_of
from keras_lipschitz.propagation.rules.pooling import cells_of


@register_evaluation(
    layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D
)
def max_pooling(layer, step):
    axes = axes_of(layer, _signal(step))

    def compute(x):
        for i, (size, window, stride) in enumerate(axes):
            cells = cells_of(size, window, stride, layer.padding)
            x = _largest_of(x, cells, size, _first_axis(layer) + i)
        return x

    return Evaluation(compute)


def _largest_of(x, cells, size, axis):
    """The maximum over each row of `cells`; those outside do not count."""
    widths = [(0, 0)] * x.ndim
    widths[axis] = (1, 0)
    x = np.pad(x, widths, constant_values=-np.inf)
    inside = np.where((cells >= 0) & (cells < size), cells + 1, 0)
    largest = x.take(inside[:, 0], axis)
    for column in inside.T[1:]:
        largest = np.maximum(largest, x.take(column, axis))
    return largest


@register_evaluation(
    layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D
)
def average_pooling(layer, step):
    means = []
    for axis in averaging_axes(layer, _signal(step)):
        weights = averaging_weights(*axis).toarray()
        means.append(weights / weights.sum(axis=1, keepdims=True))

    def compute(x):
        for axis, matrix in enumerate(means, start=_first_axis(layer)):
            x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
        return x

    return Evaluation(compute, roundings=math.prod(layer.pool_size) + 12)


@register_evaluation(
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    ScaledGlobalAveragePooling2D,
)
def global_average_pooling(layer, step):
    axes = _spatial_axes(layer, step)
    pixels = math.prod(step.input_shapes[0][axis] for axis in axes)
    scaled = type(layer) is ScaledGlobalAveragePooling2D
    factor = root_down(pixels) if scaled else 1.0
    return Evaluation(
        lambda x: x.mean(axis=axes, keepdims=layer.keepdims) * factor,
        roundings=pixels + 6,
    )


@register_evaluation(
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
)
def global_max_pooling(layer, step):
    axes = _spatial_axes(layer, step)
    return Evaluation(lambda x: x.max(axis=axes, keepdims=layer.keepdims))


@register_evaluation(ScaledAveragePooling2D)
def scaled_average_pooling(layer, step):
    factor = root_down(layer.window_area)
    return Evaluation(
        lambda x: _blocks(layer, x).mean(axis=(-1, -2)) * factor,
        roundings=layer.window_area + 6,
    )


@register_evaluation(L2NormPooling2D)
def l2_norm_pooling(layer, step):
    return Evaluation(
        lambda x: np.sqrt((_blocks(layer, x) ** 2).sum(axis=(-1, -2))),
        roundings=layer.window_area + 8,
        refusal="squares of small numbers vanish",
    )


def _blocks(layer, x):
    """The windows, side by side, as two more axes at the end."""
    same = layer.padding == "same"
    for axis, pool in layer.pool_of_axis.items():
        rest = x.shape[axis] % pool
        if rest and same:
            widths = [(0, 0)] * x.ndim
            widths[axis] = ((pool - rest) // 2, (pool - rest + 1) // 2)
            x = np.pad(x, widths)
        elif rest:
            x = x.take(range(x.shape[axis] - rest), axis)
    for axis, pool in layer.pool_of_axis.items():
        shape = (*x.shape[:axis], -1, pool, *x.shape[axis + 1 :])
        x = np.moveaxis(x.reshape(shape), axis + 1, -1)
    return x


def _signal(step):
    return Signal(None, step.input_shapes[0])


def _spatial_axes(layer, step):
    first = _first_axis(layer)
    return tuple(range(first, first + len(step.input_shapes[0]) - 2))


def _first_axis(layer):
    return 1 if layer.data_format == "channels_last" else 2
