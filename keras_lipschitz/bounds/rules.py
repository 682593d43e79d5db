"""Rules for Keras' own layers."""

import keras

from keras_lipschitz.bounds.registry import register_linear_map
from keras_lipschitz.bounds.registry import register_rule
from keras_lipschitz.layers.linear_maps import convolution_map
from keras_lipschitz.layers.linear_maps import dense_map
from keras_lipschitz.layers.linear_maps import depthwise_convolution_map

L = keras.layers

register_linear_map(L.Dense)(dense_map)
register_linear_map(L.Conv1D, L.Conv2D, L.Conv3D)(convolution_map)
register_linear_map(L.DepthwiseConv1D, L.DepthwiseConv2D)(
    depthwise_convolution_map
)


@register_rule(L.InputLayer, L.Identity, L.Flatten, L.Reshape, L.ReLU)
def isometry(layer, x):
    return x.constant


@register_rule(L.Add)
def add(layer, *inputs):
    return sum(x.constant for x in inputs)
