"""Activation layers."""

import math

from keras import layers
from keras import ops

from keras_lipschitz.ops.activations import activation_constant
from keras_lipschitz.ops.linear_maps import DiagonalMap
from keras_lipschitz.ops.rounding import parameter_up
from keras_lipschitz.propagation.registry import cannot_bound
from keras_lipschitz.propagation.registry import register_linear_map
from keras_lipschitz.propagation.registry import register_rule


@register_rule(layers.Activation)
def activation(layer, x):
    return x.constant * activation_constant(layer.activation)


@register_rule(layers.ReLU)
def relu(layer, x):
    if layer.threshold != 0:
        raise cannot_bound(
            layer,
            "with a threshold other than 0 it jumps. Received: "
            f"threshold={layer.threshold}",
        )
    return leaky_relu(layer, x)


@register_rule(layers.LeakyReLU)
def leaky_relu(layer, x):
    return x.constant * max(1.0, float(parameter_up(layer.negative_slope)))


@register_rule(layers.ELU)
def elu(layer, x):
    """`x` above zero and `alpha (exp(x) - 1)`, of slope `alpha` at 0, below."""
    return x.constant * max(1.0, float(parameter_up(layer.alpha)))


@register_linear_map(layers.PReLU)
def prelu_map(layer, input_shape):
    """Slope 1 above zero, learned slopes below."""

    def read_slopes():
        learned = ops.reshape(layer.alpha, (-1,))
        return ops.concatenate([ops.ones_like(learned[:1]), learned])

    slopes = 1 + math.prod(layer.alpha.shape)
    return DiagonalMap(read_slopes, (slopes,), (slopes,))
