"""Layers that join branches."""

import functools

import numpy as np
from keras import layers
from scipy import sparse

from keras_lipschitz.certification.evaluations.evaluation import Affine
from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import entries
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
        affine=_sum_of(layer, step),
    )


def _sum_of(layer, step):
    """What adds up inputs of one shape, as an `Affine`; or `None`."""
    count = len(step.inputs)
    signs = {
        layers.Add: (1.0,) * count,
        layers.Average: (1.0 / count,) * count,
        layers.Subtract: (1.0, -1.0),
    }.get(type(layer))
    if signs is None or len(set(step.input_shapes)) > 1:
        return None

    def matrices(step):
        identity = sparse.eye_array(entries(step.output_shapes[0]))
        return tuple(sign * identity for sign in signs)

    return Affine(matrices)


@register_evaluation(layers.Concatenate)
def concatenate(layer, step):
    def compute(*inputs):
        return np.concatenate(inputs, axis=layer.axis)

    def matrices(step):
        # Where the entries of each input go.
        shape = step.output_shapes[0]
        numbers = np.arange(entries(shape)).reshape(1, *shape[1:])
        ends = np.cumsum([shape[layer.axis] for shape in step.input_shapes])
        parts = np.split(numbers, ends[:-1], axis=layer.axis)
        identity = sparse.eye_array(numbers.size, format="csc")
        return tuple(identity[:, part.ravel()] for part in parts)

    return Evaluation(
        compute, box=increasing_box(compute), affine=Affine(matrices)
    )


def _of_one_rank(inputs):
    """Keras adds missing axes behind the batch."""
    rank = max(x.ndim for x in inputs)
    return [
        x.reshape(len(x), *[1] * (rank - x.ndim), *x.shape[1:]) for x in inputs
    ]
