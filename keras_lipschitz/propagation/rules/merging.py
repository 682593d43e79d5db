"""Layers that join branches."""

import math

from keras import layers

from keras_lipschitz.ops.rounding import root_up
from keras_lipschitz.propagation.registry import cannot_bound
from keras_lipschitz.propagation.registry import register_rule
from keras_lipschitz.propagation.rules.sizes import fixed_sizes


@register_rule(layers.Add, layers.Subtract)
def add(layer, *inputs):
    return sum(_broadcast(layer, inputs))


@register_rule(layers.Average)
def average(layer, *inputs):
    return add(layer, *inputs) / float(len(inputs))


@register_rule(layers.Maximum, layers.Minimum)
def maximum(layer, *inputs):
    """Each entry moves no more than the entry that moves most."""
    return _root_of_squares(_broadcast(layer, inputs))


@register_rule(layers.Concatenate)
def concatenate(layer, *inputs):
    check_axis(layer, inputs)
    return _root_of_squares([x.constant for x in inputs])


def check_axis(layer, inputs):
    """Refuses to join samples."""
    if layer.axis % len(inputs[0].shape) == 0:
        raise cannot_bound(
            layer, "it joins samples of the batch. Expected another axis than 0"
        )


def _root_of_squares(constants):
    return sum(c * c for c in constants) ** 0.5


def _broadcast(layer, inputs):
    """The constants of inputs after Keras has given them one shape.

    An entry that is copied `n` times counts `sqrt(n)` times. Keras adds
    missing axes behind the batch.
    """
    if len(inputs) == 1:
        return [inputs[0].constant]
    rank = max(len(x.shape) for x in inputs)
    shapes = [
        (1,) * (rank - len(x.shape)) + fixed_sizes(layer, x.shape[1:])
        for x in inputs
    ]
    full = math.prod(max(sizes) for sizes in zip(*shapes, strict=True))
    return [
        x.constant * root_up(full // math.prod(shape))
        for x, shape in zip(inputs, shapes, strict=True)
    ]
