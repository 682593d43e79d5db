"""Our layers of constant one that fold, shift and mix entries."""

import numpy as np

from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.layers.one_lipschitz.batch_centering import BatchCentering
from keras_lipschitz.layers.one_lipschitz.convex_combination import (
    ConvexCombination,
)
from keras_lipschitz.layers.one_lipschitz.householder import Householder
from keras_lipschitz.layers.one_lipschitz.layer_centering import LayerCentering
from keras_lipschitz.layers.one_lipschitz.lipschitz_prelu import LipschitzPReLU

# NumPy's functions are taken to be right to 2^-44 of the largest value.
_FUNCTION_ROUNDINGS = 512
_UNKNOWN = "libraries do not say how exact their {} is"


@register_evaluation(Householder)
def householder(layer, step):
    """An entry of a fold is the sum of three terms, at most `|a| + |b|` each.

    What is beyond the line is small where rounding could miss it.
    """
    half = host_array(layer.angles) / 2.0
    sines, cosines = np.sin(half), np.cos(half)

    def compute(x):
        a, b = np.split(np.moveaxis(x, layer.axis, -1), 2, axis=-1)
        for sine, cosine in zip(sines, cosines, strict=True):
            beyond = 2.0 * np.maximum(a * sine - b * cosine, 0.0)
            a, b = a - beyond * sine, b + beyond * cosine
        return np.moveaxis(np.concatenate([a, b], axis=-1), -1, layer.axis)

    return Evaluation(
        compute,
        roundings=layer.order * (_FUNCTION_ROUNDINGS + 8),
        gain=8.0**layer.order,
        refusal=_UNKNOWN.format("sine"),
    )


@register_evaluation(BatchCentering)
def batch_centering(layer, step):
    mean = host_array(layer.moving_mean)
    shape = [1] * len(step.input_shapes[0])
    shape[layer.axis] = -1
    mean = mean.reshape(shape)
    return Evaluation(lambda x: x - mean, roundings=2, offset=np.abs(mean[0]))


@register_evaluation(LayerCentering)
def layer_centering(layer, step):
    """The norm of taking means is one, and so is that of its terms."""
    shape = step.input_shapes[0]
    count = int(np.prod([shape[axis] for axis in layer.axis]))
    return Evaluation(
        lambda x: x - x.mean(axis=layer.axis, keepdims=True),
        roundings=count + 6,
        gain=2.0,
    )


@register_evaluation(ConvexCombination)
def convex_combination(layer, step):
    share = 1.0 / (1.0 + np.exp(-host_array(layer.logit)))
    return Evaluation(
        lambda x, y: (1.0 - share) * x + share * y,
        roundings=_FUNCTION_ROUNDINGS + 8,
        refusal=_UNKNOWN.format("sigmoid"),
    )


@register_evaluation(LipschitzPReLU)
def lipschitz_prelu(layer, step):
    slopes = np.clip(host_array(layer.alpha), -1.0, 1.0)
    return Evaluation(
        lambda x: np.maximum(x, 0.0) - slopes * np.maximum(-x, 0.0),
        roundings=2,
    )
