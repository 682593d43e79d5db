"""Layers of ours that join branches."""

from keras_lipschitz.layers.one_lipschitz.convex_combination import (
    ConvexCombination,
)
from keras_lipschitz.propagation.constants import largest
from keras_lipschitz.propagation.registry import register_rule


@register_rule(ConvexCombination)
def convex_combination(layer, x, y):
    """`(1 - a) K + a L` is at most the larger of `K` and `L`."""
    return largest((x.constant, y.constant))
