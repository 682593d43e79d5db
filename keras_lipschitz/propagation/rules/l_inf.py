"""How far entries move at most: rules for the l_inf norm."""

import math

from keras import layers

from keras_lipschitz.layers.l2_norm_pooling2d import L2NormPooling2D
from keras_lipschitz.layers.linf_dist import LInfDist
from keras_lipschitz.layers.linf_dist_conv2d import LInfDistConv2D
from keras_lipschitz.layers.scaled_average_pooling2d import (
    ScaledAveragePooling2D,
)
from keras_lipschitz.layers.scaled_global_average_pooling2d import (
    ScaledGlobalAveragePooling2D,
)
from keras_lipschitz.ops.rounding import root_up
from keras_lipschitz.propagation.constants import largest
from keras_lipschitz.propagation.nonexpansive_layers import (
    ENTRYWISE_NONEXPANSIVE,
)
from keras_lipschitz.propagation.registry import register_rule
from keras_lipschitz.propagation.rules import activations
from keras_lipschitz.propagation.rules import regularization
from keras_lipschitz.propagation.rules.merging import check_axis
from keras_lipschitz.propagation.rules.reshaping import check_interpolation
from keras_lipschitz.propagation.rules.sizes import spatial_sizes

# Functions of each entry by itself are as steep in every norm.
for _rule, *_types in (
    (activations.activation, layers.Activation),
    (activations.relu, layers.ReLU),
    (activations.leaky_relu, layers.LeakyReLU),
    (activations.elu, layers.ELU),
    (regularization.identity, *regularization.INACTIVE),
):
    register_rule(*_types, norm="inf")(_rule)


@register_rule(LInfDist, LInfDistConv2D, *ENTRYWISE_NONEXPANSIVE, norm="inf")
def no_entry_moves_further(layer, x):
    """Entries stay, are averaged, compared or sorted; or the distance of all
    of them from a point is taken, which moves as far as one of them."""
    return x.constant


@register_rule(L2NormPooling2D, ScaledAveragePooling2D, norm="inf")
def pooling_of_the_l2_norm(layer, x):
    """Entries of a window that all move add up to the root of their number."""
    return x.constant * root_up(layer.window_area)


@register_rule(ScaledGlobalAveragePooling2D, norm="inf")
def scaled_global_average_pooling(layer, x):
    return x.constant * root_up(math.prod(spatial_sizes(layer, x)))


@register_rule(layers.UpSampling2D, norm="inf")
def up_sampling_2d(layer, x):
    check_interpolation(layer)
    return x.constant


@register_rule(layers.Add, layers.Subtract, norm="inf")
def add(layer, *inputs):
    return sum(x.constant for x in inputs)


@register_rule(layers.Average, norm="inf")
def average(layer, *inputs):
    return add(layer, *inputs) / float(len(inputs))


@register_rule(layers.Maximum, layers.Minimum, norm="inf")
def maximum(layer, *inputs):
    return largest(x.constant for x in inputs)


@register_rule(layers.Concatenate, norm="inf")
def concatenate(layer, *inputs):
    check_axis(layer, inputs)
    return maximum(layer, *inputs)
