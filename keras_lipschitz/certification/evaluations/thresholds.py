"""Activations with learned thresholds: they compare and select."""

import numpy as np

from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.layers.clipped_min_max import ClippedMinMax
from keras_lipschitz.layers.relu_theta import ReLUTheta


@register_evaluation(ReLUTheta)
def relu_theta(layer, step):
    theta = host_array(layer.theta)
    return Evaluation(
        lambda x: np.minimum(np.maximum(x, 0.0), theta), offset=np.abs(theta)
    )


@register_evaluation(ClippedMinMax)
def clipped_min_max(layer, step):
    low, high = host_array(layer.low), host_array(layer.high)

    def compute(x):
        a, b = np.split(x, 2, axis=layer.axis)
        return np.concatenate(
            [
                np.maximum(np.minimum(a, b), low),
                np.minimum(np.maximum(a, b), high),
            ],
            axis=layer.axis,
        )

    axis = layer.axis % len(step.input_shapes[0])
    return Evaluation(
        compute,
        offset=np.concatenate([np.abs(low), np.abs(high)], axis=axis - 1),
    )
