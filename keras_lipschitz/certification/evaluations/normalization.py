"""Layers that scale every channel by its own factor."""

import keras
import numpy as np
from keras import layers
from scipy import sparse

from keras_lipschitz.certification.evaluations.evaluation import Affine
from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.evaluation import spread_of
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.layers.scaling import Scaling

# A reciprocal root is not rounded right everywhere, but to a few units.
_ROUNDINGS = 16
# Factors in this range neither vanish nor overflow on the way.
_SMALLEST, _LARGEST = 2.0**-60, 2.0**60


@register_evaluation(layers.BatchNormalization)
def batch_normalization(layer, step):
    mean = host_array(layer.moving_mean)
    variance = host_array(layer.moving_variance) + layer.epsilon
    gamma = host_array(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = host_array(layer.beta) if layer.center else np.zeros_like(mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = gamma / np.sqrt(variance)
    shape = [1] * len(step.input_shapes[0])
    shape[layer.axis] = -1
    return _affine(
        factor.reshape(shape),
        added=beta.reshape(shape),
        subtracted=(mean * factor).reshape(shape),
        spread=spread_of(layer.epsilon),
        parameters=(mean, gamma, beta, variance),
    )


@register_evaluation(layers.Normalization)
def normalization(layer, step):
    smallest = keras.config.epsilon()
    mean = host_array(layer.mean)
    deviation = np.maximum(np.sqrt(host_array(layer.variance)), smallest)
    if layer.invert:
        factor, added, subtracted = deviation, mean, 0.0 * mean
    else:
        factor, added, subtracted = 1 / deviation, 0.0 * mean, mean / deviation
    return _affine(
        factor, added, subtracted, spread_of(smallest), (mean, deviation)
    )


@register_evaluation(layers.Rescaling)
def rescaling(layer, step):
    scale = np.asarray(layer.scale, "float64")
    offset = np.asarray(layer.offset, "float64")
    spread = spread_of(scale, offset)
    if scale.ndim and keras.config.image_data_format() == "channels_first":
        scale = scale.reshape(*scale.shape, *[1] * (3 - scale.ndim))
    return _affine(scale, offset, np.zeros(()), spread, (scale, offset))


@register_evaluation(Scaling)
def scaling(layer, step):
    scale = host_array(layer.scale)
    return _affine(scale, np.zeros(()), np.zeros(()), 0.0, (scale,))


def _affine(factor, added, subtracted, spread, parameters):
    """`factor x + added - subtracted`, in whatever order."""
    constant = added - subtracted

    def matrices(step):
        shape = (1, *step.output_shapes[0][1:])
        return (sparse.diags_array(np.broadcast_to(factor, shape).ravel()),)

    return Evaluation(
        lambda x: x * factor + constant,
        roundings=_ROUNDINGS,
        offset=np.abs(added) + np.abs(subtracted),
        spread=spread,
        refusal=_refusal(parameters),
        affine=Affine(matrices, constant),
    )


def _refusal(parameters):
    for parameter in parameters:
        sizes = np.abs(parameter[parameter != 0])
        if not np.all((sizes >= _SMALLEST) & (sizes <= _LARGEST)):
            return "expected parameters from 2^-60 to 2^60 in size, or zero"
    return None
