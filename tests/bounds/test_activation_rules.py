"""Activations: their constant is their steepest slope."""

import functools

import keras
import numpy as np
import pytest
from brute_force import bound_of_layer
from brute_force import infer
from brute_force import largest_slope
from keras import layers
from keras import ops

from keras_lipschitz.ops.activations import _SLOPES
from keras_lipschitz.ops.activations import activation_constant

# Where slopes are steepest may be far out or close to a kink.
INTERVALS = [(-8.0, 8.0), (-30.0, 30.0), (-1e5, 1e5)]


def steepest(function):
    def in_float64(x):
        y = function(ops.convert_to_tensor(x, "float64"))
        return ops.convert_to_numpy(y)

    return max(largest_slope(in_float64, *ends) for ends in INTERVALS)


@pytest.mark.parametrize("name", sorted(_SLOPES))
def test_constant_of_a_function(name):
    constant = activation_constant(name)
    slope = steepest(getattr(keras.activations, name))
    assert slope * (1 - 2e-9) <= constant <= slope * (1 + 1e-6)


@pytest.mark.parametrize("name", sorted(set(_SLOPES) - {"linear", "mish"}))
def test_constant_of_an_operation(name):
    function = getattr(keras.ops, name)
    slope = steepest(function)
    constant = activation_constant(function)
    assert slope * (1 - 2e-9) <= constant <= slope * (1 + 1e-6)


def test_no_activation_is_linear():
    assert activation_constant(None) == 1.0


def linear(x):
    return 100.0 * x


@pytest.mark.parametrize(
    "activation, said",
    [
        ("softmax", "softmax.*vectors"),
        ("log_softmax", "log_softmax.*vectors"),
        ("exponential", "exponential.*no bound"),
        ("glu", "glu.*no bound"),
        ("hard_shrink", "hard_shrink.*jumps"),
        (keras.activations.threshold, "threshold.*jumps"),
        (keras.ops.softmax, "softmax.*vectors"),
        (lambda x: x, "lambda.*not a function of Keras"),
        (linear, "linear.*not a function of Keras"),
        (functools.partial(keras.activations.relu), "partial.*not a function"),
        (layers.ReLU(), "ReLU.*not a function of Keras"),
    ],
)
def test_refuses_a_function(activation, said):
    with pytest.raises(ValueError, match=said):
        activation_constant(activation)


LAYERS = [
    (layers.ReLU(), 1.0),
    (layers.ReLU(negative_slope=3), 3.0),
    (layers.ReLU(max_value=6), 1.0),
    (layers.ReLU(max_value=2, negative_slope=1.5), 1.5),
    (layers.LeakyReLU(), 1.0),
    (layers.LeakyReLU(negative_slope=2.5), 2.5),
    (layers.ELU(), 1.0),
    (layers.ELU(alpha=1.7), 1.7),
    (layers.ELU(alpha=-3.0), 3.0),
    (layers.Activation("gelu"), 1.128904145185155),
    (layers.Activation(keras.ops.gelu), 1.128993068658772),
    (layers.Activation("sigmoid"), 0.25),
    (layers.PReLU(keras.initializers.Constant(-2.0)), 2.0),
    (layers.PReLU(keras.initializers.Constant(0.5)), 1.0),
]


@pytest.mark.multi_backend
@pytest.mark.parametrize("layer, constant", LAYERS)
def test_constant_of_a_layer(layer, constant):
    bound = bound_of_layer(layer, (1,))
    assert constant <= bound <= constant * (1 + 1e-6)
    grid = np.linspace(-4, 4, 801)
    slopes = np.diff(infer(layer, grid[:, None])[:, 0]) / np.diff(grid)
    assert np.abs(slopes).max() == pytest.approx(constant, rel=1e-2)
    assert np.abs(slopes).max() <= bound * (1 + 1e-4)


@pytest.mark.multi_backend
@pytest.mark.parametrize("shared_axes", [None, [1], [1, 2]])
def test_slopes_of_prelu(shared_axes):
    layer = layers.PReLU(
        keras.initializers.RandomNormal(stddev=3.0, seed=1),
        shared_axes=shared_axes,
    )
    bound = bound_of_layer(layer, (2, 3))
    alpha = ops.convert_to_numpy(layer.alpha)
    assert bound == max(1.0, np.abs(alpha).max())


def test_a_slope_counts_as_the_float32_that_is_used():
    for slope in (1.1, 1.3, 2.7):
        bound = bound_of_layer(layers.LeakyReLU(slope), (1,))
        assert bound >= max(slope, float(np.float32(slope)))


@pytest.mark.parametrize(
    "make",
    [
        lambda **kw: layers.Dense(4, **kw),
        lambda **kw: layers.Conv1D(2, 2, **kw),
        lambda **kw: layers.EinsumDense("abc,cd->abd", (None, 4), **kw),
        lambda **kw: layers.DepthwiseConv1D(2, **kw),
    ],
)
def test_activation_argument(make):
    plain, steep = make(), make(activation="gelu")
    for layer in (plain, steep):
        layer.build((None, 5, 3))
    steep.set_weights(plain.get_weights())
    assert bound_of_layer(steep, (5, 3)) == pytest.approx(
        1.128904145185155 * bound_of_layer(plain, (5, 3)), rel=1e-6
    )


@pytest.mark.parametrize(
    "layer, said",
    [
        (layers.ReLU(threshold=1, name="r"), "'r'.*threshold=1"),
        (layers.Dense(4, activation="softmax", name="d"), "'d'.*softmax"),
        (layers.Dense(4, activation=linear, name="d"), "'d'.*linear"),
        (layers.Dense(4, activation=layers.ReLU(), name="d"), "'d'.*ReLU"),
        (layers.Activation("hard_shrink", name="a"), "'a'.*hard_shrink"),
        (layers.Softmax(name="s"), "'s'.*Softmax"),
    ],
)
def test_refuses_a_layer(layer, said):
    with pytest.raises(ValueError, match=said):
        bound_of_layer(layer, (3,))
