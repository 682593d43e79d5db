"""Activations, as layers and as arguments of other layers."""

import dataclasses
import functools

import keras
import numpy as np
from keras import layers
from keras import ops
from scipy import special

from keras_lipschitz.certification.evaluation import Evaluation
from keras_lipschitz.certification.evaluation import register_evaluation
from keras_lipschitz.certification.evaluation import spread_of
from keras_lipschitz.certification.host import constant
from keras_lipschitz.ops.activations import activation_constant

# NumPy's and SciPy's functions are taken to be right to 2^-44, relative to
# the sum of 1 and the argument; they are tested against exact values.
_FUNCTION_ROUNDINGS = 512


def _silu(x):
    return x * special.expit(x)


def _gelu(x, approximate=False):
    if approximate:
        inner = np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1.0 + np.tanh(inner))
    return x * special.ndtr(x)


def _elu(x, alpha=1.0):
    return np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _selu(x):
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return scale * _elu(x, alpha)


_FUNCTIONS = {
    keras.activations.elu: _elu,
    keras.activations.gelu: _gelu,
    keras.activations.selu: _selu,
    keras.activations.sigmoid: special.expit,
    keras.activations.silu: _silu,
    keras.activations.softplus: functools.partial(np.logaddexp, 0.0),
    keras.activations.softsign: lambda x: x / (1.0 + np.abs(x)),
    keras.activations.tanh: np.tanh,
    keras.ops.elu: _elu,
    keras.ops.gelu: functools.partial(_gelu, approximate=True),
    keras.ops.selu: _selu,
    keras.ops.sigmoid: special.expit,
    keras.ops.silu: _silu,
    keras.ops.softplus: functools.partial(np.logaddexp, 0.0),
    keras.ops.softsign: lambda x: x / (1.0 + np.abs(x)),
    keras.ops.tanh: np.tanh,
}
# These compare and select, and their constants are small whole numbers.
_SELECTIONS = (
    keras.activations.linear,
    keras.activations.relu,
    keras.activations.relu6,
    keras.activations.hard_tanh,
    keras.ops.relu,
    keras.ops.relu6,
    keras.ops.hard_tanh,
)
# The negative side is multiplied by a slope, 0.2 by default.
_LEAKY = (keras.activations.leaky_relu, keras.ops.leaky_relu)


def evaluation_of_activation(activation):
    """The `Evaluation` of an activation function.

    Args:
        activation: A Keras activation function, its name, or `None`.

    Raises:
        ValueError: For a function without one.
    """
    function = keras.activations.get(activation)
    if function in _SELECTIONS:
        return Evaluation(function, slope=activation_constant(function))
    if function in _LEAKY:
        return Evaluation(function, roundings=2, spread=spread_of(0.2))
    name = getattr(function, "__name__", repr(function))
    if function in _FUNCTIONS:
        return on_host(
            _FUNCTIONS[function], name, activation_constant(function)
        )
    raise ValueError(
        f"It is not known how the activation {name!r} rounds. Expected one of "
        f"{sorted({f.__name__ for f in (*_SELECTIONS, *_LEAKY, *_FUNCTIONS)})}."
    )


def on_host(function, name, slope):
    """The `Evaluation` of a function of NumPy or SciPy."""
    return Evaluation(
        lambda x: constant(function(ops.convert_to_numpy(x))),
        roundings=_FUNCTION_ROUNDINGS,
        offset=1.0,
        gain=1.0,
        slope=max(1.0, slope),
        refusal=f"libraries do not say how exact their {name!r} is",
    )


@register_evaluation(layers.Activation)
def activation(layer, step):
    return evaluation_of_activation(layer.activation)


@register_evaluation(layers.ReLU)
def relu(layer, step):
    slopes = layer.negative_slope or 0.0
    return Evaluation(
        layer.call,
        roundings=2 if slopes else 0,
        spread=spread_of(slopes, layer.max_value or 0.0),
    )


@register_evaluation(layers.LeakyReLU)
def leaky_relu(layer, step):
    return Evaluation(
        layer.call, roundings=2, spread=spread_of(layer.negative_slope)
    )


@register_evaluation(layers.PReLU)
def prelu(layer, step):
    alpha = ops.convert_to_numpy(layer.alpha).astype("float64")
    return Evaluation(
        lambda x: ops.relu(x) - constant(alpha) * ops.relu(-x), roundings=2
    )


@register_evaluation(layers.ELU)
def elu(layer, step):
    function = functools.partial(_elu, alpha=layer.alpha)
    return dataclasses.replace(
        on_host(function, "elu", abs(layer.alpha)),
        offset=1.0 + abs(layer.alpha),
        spread=spread_of(layer.alpha),
    )
