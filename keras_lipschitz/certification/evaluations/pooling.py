"""Pooling layers."""

import math

import keras
from keras import layers
from keras import ops

from keras_lipschitz.certification.evaluation import Evaluation
from keras_lipschitz.certification.evaluation import register_evaluation
from keras_lipschitz.layers.l2_norm_pooling2d import L2NormPooling2D
from keras_lipschitz.layers.scaled_average_pooling2d import (
    ScaledAveragePooling2D,
)
from keras_lipschitz.layers.scaled_global_average_pooling2d import (
    ScaledGlobalAveragePooling2D,
)


@register_evaluation(
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
)
def max_pooling(layer, step):
    if type(layer) is layers.MaxPooling3D and _on_tensorflow():
        # TensorFlow has it for no float64.
        return None
    return Evaluation(layer.call)


@register_evaluation(
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    ScaledAveragePooling2D,
)
def average_pooling(layer, step):
    return Evaluation(
        _averaging(layer), roundings=math.prod(layer.pool_size) + 6
    )


@register_evaluation(
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    ScaledGlobalAveragePooling2D,
)
def global_average_pooling(layer, step):
    # All entries but the batch, channels included: more than it adds up.
    return Evaluation(
        layer.call, roundings=math.prod(step.input_shapes[0][1:]) + 6
    )


@register_evaluation(L2NormPooling2D)
def l2_norm_pooling(layer, step):
    def compute(x):
        means = layer.window_means(ops.square(x))
        return ops.sqrt(means * layer.window_area)

    return Evaluation(
        compute,
        roundings=layer.window_area + 8,
        refusal="squares of small numbers vanish",
    )


def _averaging(layer):
    """What the layer computes, also where there is no kernel for float64."""
    if type(layer) is layers.AveragePooling3D and _on_tensorflow():
        import tensorflow as tf

        return tf.function(layer.call, jit_compile=True)
    return layer.call


def _on_tensorflow():
    return keras.backend.backend() == "tensorflow"
