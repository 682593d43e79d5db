"""Layers that scale every channel by its own factor."""

import math

import keras
import numpy as np
from keras import layers

from keras_lipschitz.certification.evaluation import Evaluation
from keras_lipschitz.certification.evaluation import register_evaluation
from keras_lipschitz.certification.evaluation import spread_of
from keras_lipschitz.certification.evaluations.linear import host_array
from keras_lipschitz.certification.host import constant
from keras_lipschitz.layers.scaling import Scaling

# A reciprocal root is not rounded right everywhere, but to a few units.
_ROUNDINGS = 16
# Factors in this range neither vanish nor overflow on the way.
_ORDINARY = 2.0**60


@register_evaluation(layers.BatchNormalization)
def batch_normalization(layer, step):
    mean = host_array(layer.moving_mean)
    variance = host_array(layer.moving_variance)
    gamma = host_array(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = host_array(layer.beta) if layer.center else np.zeros_like(mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = gamma / np.sqrt(variance + layer.epsilon)
    shape = [1] * len(step.input_shapes[0])
    shape[layer.axis] = -1
    return _affine(
        factor.reshape(shape),
        beta.reshape(shape),
        (mean * factor).reshape(shape),
        spread=spread_of(layer.epsilon),
        parameters=(mean, gamma, beta, variance + layer.epsilon),
    )


@register_evaluation(layers.Normalization)
def normalization(layer, step):
    mean, variance = host_array(layer.mean), host_array(layer.variance)
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    spread = spread_of(keras.config.epsilon())
    if layer.invert:
        return _affine(deviation, mean, 0.0 * mean, spread, (mean, deviation))
    return _affine(
        1.0 / deviation, 0.0 * mean, mean / deviation, spread, (mean, deviation)
    )


@register_evaluation(layers.Rescaling)
def rescaling(layer, step):
    scale = np.asarray(layer.scale, "float64")
    offset = np.asarray(layer.offset, "float64")
    if scale.ndim and keras.config.image_data_format() == "channels_first":
        scale = scale.reshape(*scale.shape, *[1] * (3 - scale.ndim))
    return _affine(
        scale,
        offset,
        np.zeros(()),
        spread=spread_of(scale, offset),
        parameters=(scale, offset),
    )


@register_evaluation(Scaling)
def scaling(layer, step):
    scale = host_array(layer.scale)
    return _affine(scale, np.zeros(()), np.zeros(()), 0.0, (scale,))


def _affine(factor, added, subtracted, spread, parameters):
    """`factor x + added - subtracted`, in whatever order."""

    def compute(x):
        return x * constant(factor) + constant(added - subtracted)

    return Evaluation(
        compute,
        roundings=_ROUNDINGS,
        offset=np.abs(added) + np.abs(subtracted),
        spread=spread,
        refusal=_refusal(parameters),
    )


def _refusal(parameters):
    for parameter in parameters:
        sizes = np.abs(parameter[parameter != 0])
        if not np.all((sizes < _ORDINARY) & (sizes > 1.0 / _ORDINARY)):
            return (
                f"expected parameters between 2^-{int(math.log2(_ORDINARY))} "
                "and its inverse, or zero"
            )
    return None
