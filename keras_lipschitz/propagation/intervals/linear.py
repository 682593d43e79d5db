"""Boxes through layers with a kernel."""

import keras
from keras import layers
from keras import ops

from keras_lipschitz.layers.lipschitz_conv2d import LipschitzConv2D
from keras_lipschitz.layers.lipschitz_dense import LipschitzDense
from keras_lipschitz.layers.lipschitz_depthwise_conv2d import (
    LipschitzDepthwiseConv2D,
)
from keras_lipschitz.ops.activations import activation_constant
from keras_lipschitz.ops.activations import is_increasing
from keras_lipschitz.propagation.intervals.box import Box
from keras_lipschitz.propagation.intervals.registry import (
    register_interval_rule,
)
from keras_lipschitz.propagation.registry import linear_map_of


@register_interval_rule(
    LipschitzConv2D,
    LipschitzDense,
    LipschitzDepthwiseConv2D,
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.Dense,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
)
def linear(layer, x):
    """The middle goes through the layer, the radius through `|W|`."""
    linear_map = linear_map_of(layer, x.shape)
    kernel = linear_map.kernel
    middle = linear_map.apply(x.middle, kernel)
    if layer.bias is not None:
        middle = middle + bias_of(layer, linear_map)
    radius = linear_map.apply(x.radius, ops.abs(kernel))
    box = Box(middle - radius, middle + radius)
    return activated(layer.activation, box)


def bias_of(layer, linear_map, dtype="float32"):
    """The bias of a layer that has one, to add to what its map returns."""
    bias = ops.cast(layer.bias, dtype)
    if getattr(linear_map, "data_format", None) == "channels_first":
        return ops.reshape(bias, (-1, *[1] * len(linear_map.spatial_shape)))
    return bias


def activated(activation, box):
    """A box behind an activation function.

    Args:
        activation: A Keras activation function, or `None`.
        box: A `Box`.
    """
    function = keras.activations.get(activation)
    if function is keras.activations.linear:
        return box
    if is_increasing(function):
        return Box(function(box.lower), function(box.upper))
    # Neither rising nor falling: no further than its slope allows.
    reach = activation_constant(function) * box.radius
    middle = function(box.middle)
    return Box(middle - reach, middle + reach)
