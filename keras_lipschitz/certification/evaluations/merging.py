"""Layers that join branches."""

from keras import layers

from keras_lipschitz.certification.evaluation import Evaluation
from keras_lipschitz.certification.evaluation import register_evaluation


@register_evaluation(layers.Concatenate, layers.Maximum, layers.Minimum)
def selection(layer, step):
    return Evaluation(_joined(layer))


@register_evaluation(layers.Add, layers.Average, layers.Subtract)
def add(layer, step):
    return Evaluation(_joined(layer), roundings=len(step.inputs) + 2)


def _joined(layer):
    return lambda *inputs: layer.call(list(inputs))
