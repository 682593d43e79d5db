"""Layers of two linear maps around an activation: SLL, CPL, sandwich."""

import dataclasses
import math

import numpy as np
from keras import layers

from keras_lipschitz.certification.evaluations.absolute_norm import (
    absolute_norm,
)
from keras_lipschitz.certification.evaluations.activations import (
    evaluation_of_activation,
)
from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.certification.evaluations.linear import convolve
from keras_lipschitz.certification.evaluations.linear import refusal_of
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.layers.one_lipschitz.cpl_conv2d import CPLConv2D
from keras_lipschitz.layers.one_lipschitz.cpl_dense import CPLDense
from keras_lipschitz.layers.one_lipschitz.sandwich_conv2d import SandwichConv2D
from keras_lipschitz.layers.one_lipschitz.sandwich_dense import SandwichDense
from keras_lipschitz.layers.one_lipschitz.sll_conv2d import SLLConv2D
from keras_lipschitz.layers.one_lipschitz.sll_dense import SLLDense
from keras_lipschitz.propagation.registry import deciding_map_of
from keras_lipschitz.propagation.residual_blocks import ResidualBlock

# Added to what is inside and to kernels, whose smallest numbers may be flushed
# to zero: multiplied by the rounding error of a sum, it exceeds what is lost.
_FLOOR = 2.0**-100


@register_evaluation(SLLDense, CPLDense)
def residual_dense(layer, step):
    return _dense(layer, step, split=None)


@register_evaluation(SandwichDense)
def sandwich_dense(layer, step):
    return _dense(layer, step, split=layer.units)


@register_evaluation(SLLConv2D, CPLConv2D)
def residual_convolution(layer, step):
    return _convolution(layer, step, split=None)


@register_evaluation(SandwichConv2D)
def sandwich_convolution(layer, step):
    return _convolution(layer, step, split=layer.filters)


@register_evaluation(ResidualBlock)
def residual_block(block, step):
    """As the layer that it came from; a bias behind it is one more term."""
    dense = isinstance(block.first, layers.Dense)
    evaluate = _dense if dense else _convolution
    evaluation = evaluate(block.first, step, None, block.activation)
    if block.second.bias is None:
        return evaluation
    bias = host_array(block.second.bias)
    first = not dense and block.first.data_format == "channels_first"
    added = bias.reshape(-1, 1, 1) if first else bias
    return dataclasses.replace(
        evaluation,
        compute=lambda x: evaluation.compute(x) + added,
        roundings=evaluation.roundings + 1,
        offset=evaluation.offset + np.abs(bias),
    )


def _dense(layer, step, split, activation=None):
    operator = operator_of(deciding_map_of(layer, step.input_shapes[0]))
    forward, backward = _kernels(operator.matrix.T, split)
    return _evaluation(
        layer,
        lambda x: x @ forward,
        lambda h: h @ backward,
        operator.with_entries(forward.T),
        operator.with_entries(backward.T),
        activation or layer.activation,
        residual=split is None,
    )


def _convolution(layer, step, split, activation=None):
    operator = operator_of(deciding_map_of(layer, step.input_shapes[0]))
    forward, backward = _kernels(operator.kernel, split)
    forward = operator.with_entries(forward)
    backward = operator.with_entries(backward[::-1, ::-1])
    first = layer.data_format == "channels_first"

    def apply(x):
        return convolve(forward, np.moveaxis(x, 1, -1) if first else x)

    def apply_back(h):
        y = convolve(backward, h)
        return np.moveaxis(y, -1, 1) if first else y

    return _evaluation(
        layer,
        apply,
        apply_back,
        forward,
        backward,
        activation or layer.activation,
        residual=split is None,
    )


def _kernels(kernel, split):
    """The kernels of `F` and `B`; those of a sandwich lie side by side."""
    if split is None:
        return kernel, kernel.swapaxes(-1, -2)
    backward, forward = np.split(kernel, [split], axis=-2)
    return forward, backward.swapaxes(-1, -2)


def _evaluation(
    layer, apply, apply_back, forward, backward, activation, residual
):
    """`x - 2 B activation(F x + b)`, or without `x -` and the sign.

    The terms of an output are `|x| + 2 |B| (s (|F| |x| + |b|) + o)`, with `s`
    at least the slope of the activation, and `o` its constants.
    """
    bias = np.zeros(1) if layer.bias is None else host_array(layer.bias)
    after = evaluation_of_activation(activation)
    own = 1.0 if residual else 0.0

    def compute(x):
        hidden = after.compute(apply(x) + bias)
        y = 2.0 * apply_back(hidden)
        return x - y if residual else y

    # At least one: what overflows is looked for in the terms of outputs, and
    # the hidden tensor may be larger than these.
    back = max(1.0, 2.0 * _norm(backward))
    hidden = forward.entries.shape[-1 if forward.entries.ndim > 2 else 0]
    constants = np.broadcast_to(after.slope * np.abs(bias), (hidden,))
    constants = np.linalg.norm(constants + after.offset + _FLOOR)
    outputs = backward.entries.shape[-1 if backward.entries.ndim > 2 else 0]
    return Evaluation(
        compute,
        roundings=forward.terms + backward.terms + after.roundings + 8,
        # Its norm at one pixel is what counts.
        offset=np.full(outputs, back * constants / math.sqrt(outputs)),
        spread=after.spread,
        gain=1.01 * (own + back * after.slope * _norm(forward)),
        refusal=refusal_of(layer) or after.refusal,
    )


def _norm(operator):
    floor = _FLOOR * math.sqrt(math.prod(operator.shape))
    return absolute_norm(operator) + floor
