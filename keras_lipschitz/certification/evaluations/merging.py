"""Layers that join branches."""

import functools

import numpy as np
from keras import layers

from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import increasing_box
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)

_PAIRWISE = {
    layers.Add: np.add,
    layers.Average: np.add,
    layers.Maximum: np.maximum,
    layers.Minimum: np.minimum,
    layers.Subtract: np.subtract,
}


@register_evaluation(*_PAIRWISE)
def pairwise(layer, step):
    merge = _PAIRWISE[type(layer)]
    selects = isinstance(layer, (layers.Maximum, layers.Minimum))
    parts = len(step.inputs) if isinstance(layer, layers.Average) else 1

    def compute(*inputs):
        return functools.reduce(merge, _of_one_rank(inputs)) / parts

    def subtracted(x, y):
        return compute(x[0], y[1]), compute(x[1], y[0])

    return Evaluation(
        compute,
        roundings=0 if selects else len(step.inputs) + 2,
        box=subtracted
        if isinstance(layer, layers.Subtract)
        else increasing_box(compute),
    )


@register_evaluation(layers.Concatenate)
def concatenate(layer, step):
    def compute(*inputs):
        return np.concatenate(inputs, axis=layer.axis)

    return Evaluation(compute, box=increasing_box(compute))


def _of_one_rank(inputs):
    """Keras adds missing axes behind the batch."""
    rank = max(x.ndim for x in inputs)
    return [
        x.reshape(len(x), *[1] * (rank - x.ndim), *x.shape[1:]) for x in inputs
    ]
