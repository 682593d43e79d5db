"""Activations, as layers and as arguments of other layers."""

import dataclasses
import functools

import keras
import numpy as np
from keras import layers
from scipy import special

from keras_lipschitz.certification.evaluations.evaluation import IDENTITY
from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import increasing_box
from keras_lipschitz.certification.evaluations.evaluation import kinked_box
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.evaluation import spread_of
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.ops.activations import activation_constant
from keras_lipschitz.ops.activations import is_increasing

# NumPy's and SciPy's functions are taken to be right to 2^-44, relative to
# the sum of 1 and the argument; they are tested against exact values.
_FUNCTION_ROUNDINGS = 512
_LEAK = 0.2


def _relu(x, negative_slope=0.0, max_value=None):
    positive = np.maximum(x, 0.0)
    if max_value is not None:
        positive = np.minimum(positive, max_value)
    return positive + negative_slope * np.minimum(x, 0.0)


def _elu(x, alpha=1.0):
    return np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _selu(x):
    return 1.0507009873554805 * _elu(x, 1.6732632423543772)


def _silu(x):
    return x * special.expit(x)


def _softplus(x):
    return np.logaddexp(0.0, x)


def _softsign(x):
    return x / (1.0 + np.abs(x))


def _gelu(x):
    return x * special.ndtr(x)


def _tanh_gelu(x):
    inner = np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1.0 + np.tanh(inner))


def _by_function(table):
    """A table by name as one by function, of both modules that have it."""
    return {
        getattr(module, name): value
        for module in (keras.ops, keras.activations)
        for name, value in table.items()
        if hasattr(module, name)
    }


# These compare and select; their constants are small whole numbers.
_SELECTIONS = _by_function(
    {
        "hard_tanh": lambda x: np.clip(x, -1.0, 1.0),
        "linear": lambda x: x,
        "relu": _relu,
        "relu6": functools.partial(_relu, max_value=6.0),
    }
)
_KINKS = _by_function(
    {
        "hard_tanh": (-1.0, 1.0),
        "linear": (),
        "relu": (0.0,),
        "relu6": (0.0, 6.0),
    }
)
_LEAKY = _by_function(
    {"leaky_relu": functools.partial(_relu, negative_slope=_LEAK)}
)
_FUNCTIONS = {
    **_by_function(
        {
            "elu": _elu,
            "gelu": _gelu,
            "selu": _selu,
            "sigmoid": special.expit,
            "silu": _silu,
            "softplus": _softplus,
            "softsign": _softsign,
            "tanh": np.tanh,
        }
    ),
    # Here the approximation is the default.
    keras.ops.gelu: _tanh_gelu,
}


def evaluation_of_activation(activation):
    """The `Evaluation` of an activation function.

    Args:
        activation: A Keras activation function, its name, or `None`.

    Raises:
        ValueError: For a function without one.
    """
    function = keras.activations.get(activation)
    if function in _SELECTIONS:
        compute = _SELECTIONS[function]
        return Evaluation(
            compute,
            box=increasing_box(compute),
            affine=IDENTITY if _KINKS[function] in ((), (0.0,)) else None,
            rectifies=compute is _relu,
            kinks=_KINKS[function],
        )
    if function in _LEAKY:
        compute = _LEAKY[function]
        return Evaluation(
            compute,
            roundings=2,
            spread=spread_of(_LEAK),
            box=increasing_box(compute),
        )
    name = getattr(function, "__name__", repr(function))
    if function in _FUNCTIONS:
        compute, slope = _FUNCTIONS[function], activation_constant(function)
        increases = is_increasing(function)
        return dataclasses.replace(
            _approximate(compute, name, slope),
            box=increasing_box(compute)
            if increases
            else _steepest_box(compute, slope),
        )
    known = {f.__name__ for f in (*_SELECTIONS, *_LEAKY, *_FUNCTIONS)}
    raise ValueError(
        f"It is not known how the activation {name!r} rounds. Expected one of "
        f"{sorted(known)}."
    )


def _approximate(function, name, slope):
    """The `Evaluation` of a function that has to be approximated."""
    return Evaluation(
        function,
        roundings=_FUNCTION_ROUNDINGS,
        offset=1.0,
        gain=1.0,
        slope=max(1.0, slope),
        refusal=f"libraries do not say how exact their {name!r} is",
    )


def _steepest_box(compute, slope):
    """No further from the value in the middle than the slope allows."""

    def box(ends):
        lower, upper = ends
        value = compute((lower + upper) / 2.0)
        reach = slope * (upper - lower) / 2.0
        return value - reach, value + reach

    return box


@register_evaluation(layers.Activation)
def activation(layer, step):
    return evaluation_of_activation(layer.activation)


@register_evaluation(layers.ReLU)
def relu(layer, step):
    slope, largest = layer.negative_slope or 0.0, layer.max_value
    rectifies = not slope and largest is None

    def compute(x):
        return _relu(x, slope, largest)

    return Evaluation(
        compute,
        roundings=2 if slope else 0,
        spread=spread_of(slope, largest or 0.0),
        box=increasing_box(compute),
        affine=IDENTITY if rectifies else None,
        rectifies=rectifies,
        kinks=(0.0,) if largest is None else (0.0, largest),
    )


@register_evaluation(layers.LeakyReLU)
def leaky_relu(layer, step):
    compute = functools.partial(_relu, negative_slope=layer.negative_slope)
    return Evaluation(
        compute,
        roundings=2,
        spread=spread_of(layer.negative_slope),
        box=increasing_box(compute),
    )


@register_evaluation(layers.PReLU)
def prelu(layer, step):
    alpha = host_array(layer.alpha)
    compute = functools.partial(_relu, negative_slope=alpha)
    return Evaluation(compute, roundings=2, box=kinked_box(compute))


@register_evaluation(layers.ELU)
def elu(layer, step):
    function = functools.partial(_elu, alpha=layer.alpha)
    return dataclasses.replace(
        _approximate(function, "elu", abs(layer.alpha)),
        offset=1.0 + abs(layer.alpha),
        spread=spread_of(layer.alpha),
        box=kinked_box(function),
    )
