"""Layers that scale every channel by its own factor.

Where a factor depends on weights it is computed on the device, in float32. It
is then made larger than rounding could have made it smaller, so that the
certification may take it as it is.
"""

import math

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_lipschitz.ops.linear_maps import DiagonalMap
from keras_lipschitz.ops.rounding import parameter_up
from keras_lipschitz.propagation.registry import cannot_bound
from keras_lipschitz.propagation.registry import register_linear_map

# Five float32 operations, each of them right to a few units in the last place.
_ROUNDING = 1.0 + 2.0**-19
# Smallest normal float32: what is smaller may be flushed to zero.
_TINY = 2.0**-126


@register_linear_map(layers.BatchNormalization)
def batch_normalization_map(layer, input_shape):
    """`|gamma| / sqrt(variance + epsilon)`, with the moving variance."""

    def read_factors():
        variance = _precise(layer.moving_variance)
        gamma = layer.gamma if layer.scale else ops.ones_like(variance)
        return _quotient_up(
            ops.abs(_precise(gamma)), _root(variance, layer.epsilon)
        )

    return _diagonal_map(read_factors, input_shape[layer.axis])


@register_linear_map(layers.Normalization)
def normalization_map(layer, input_shape):
    """`1 / max(sqrt(variance), epsilon)`; with `invert=True` its inverse."""
    _check_shape(layer, layer.mean.shape, input_shape)

    def read_factors():
        variance = ops.reshape(_precise(layer.variance), (-1,))
        deviation = ops.maximum(_root(variance), keras.config.epsilon())
        one = ops.ones_like(deviation)
        if layer.invert:
            return _quotient_up(deviation, one)
        return _quotient_up(one, deviation)

    return _diagonal_map(read_factors, math.prod(layer.mean.shape))


@register_linear_map(layers.Rescaling)
def rescaling_map(layer, input_shape):
    """`|scale|`, which is one number or one for each channel."""
    shape = np.shape(layer.scale)
    if shape and keras.config.image_data_format() == "channels_first":
        shape += (1,) * (3 - len(shape))
    for given in (shape, np.shape(layer.offset)):
        _check_shape(layer, given, input_shape)
    factors = parameter_up(layer.scale).ravel()
    return _diagonal_map(lambda: ops.convert_to_tensor(factors), len(factors))


def _diagonal_map(read_factors, size):
    return DiagonalMap(read_factors, (size,), (size,))


def _precise(x):
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def _root(variance, epsilon=0.0):
    """The standard deviation; zero, so of no use, where there is none."""
    valid = variance >= 0.0
    return ops.where(
        valid, ops.sqrt(ops.where(valid, variance, 1.0) + epsilon), 0.0
    )


def _quotient_up(numerator, denominator):
    return (numerator + _TINY) / denominator * _ROUNDING + _TINY


def _check_shape(layer, shape, input_shape):
    """Refuses factors that would be broadcast to more than the input."""
    padded = (1,) * (len(input_shape) - len(shape)) + tuple(shape)
    if len(padded) > len(input_shape) or any(
        size not in (1, axis)
        for size, axis in zip(padded, input_shape, strict=True)
    ):
        raise cannot_bound(
            layer,
            "expected factors that fit the input. Received: factors of shape "
            f"{tuple(shape)} for an input of shape {tuple(input_shape)}",
        )
