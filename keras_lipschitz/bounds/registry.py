"""Which rule serves which layer.

Two tables. A layer that is a linear map up to bias and activation says which
map (`register_linear_map`), and its norm is estimated or certified from that
one description. Any other layer says how the constants of its inputs become
that of its output (`register_rule`). Both go by exact type: a subclass may
compute something else.
"""

import dataclasses

from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer

_RULES = {}
_LINEAR_MAPS = {}


@dataclasses.dataclass(frozen=True)
class Signal:
    """What a rule knows of a tensor.

    Args:
        constant: Bound of how fast the tensor moves with the model's input;
            supports `+`, `*`, `/` by a float and `**`.
        shape: Its shape, with the batch.
    """

    constant: object
    shape: tuple


def register_rule(*layer_types):
    """Registers the Lipschitz rule of a layer.

    Args:
        *layer_types: The layer classes that the rule serves.

    Returns:
        A decorator for a function `rule(layer, *inputs) -> constant`, with a
        `Signal` for each input of the layer.

    Example:

    ```python
    @keras_lipschitz.register_rule(Negate)
    def negate(layer, x):
        return 1.0 * x.constant
    ```
    """

    def decorator(rule):
        for layer_type in layer_types:
            _RULES[layer_type] = rule
        return rule

    return decorator


def register_linear_map(*layer_types):
    """Registers the linear map that a layer applies.

    Args:
        *layer_types: The layer classes that the description serves.

    Returns:
        A decorator for a function `linear_map(layer, input_shape)` that returns
        a `keras_lipschitz.ops.LinearMap`; `input_shape` includes the batch.
    """

    def decorator(linear_map):
        for layer_type in layer_types:
            _LINEAR_MAPS[layer_type] = linear_map
        return linear_map

    return decorator


def linear_map_of(layer, input_shape):
    """The `LinearMap` of a layer, or `None` where it is not one."""
    if isinstance(layer, LinearLipschitzLayer):
        return layer.linear_map(input_shape)
    if type(layer) in _LINEAR_MAPS:
        return _LINEAR_MAPS[type(layer)](layer, input_shape)
    return None


def rule_of(layer, name):
    """The rule of a layer that is not a linear map.

    Args:
        layer: A Keras layer or operation.
        name: What to call it in an error.

    Raises:
        ValueError: Where no rule is registered.
    """
    if type(layer) in _RULES:
        return _RULES[type(layer)]
    if isinstance(layer, LipschitzLayer):
        return lambda layer, x: x.constant * layer.lipschitz_constant()
    kind = type(layer).__name__
    raise ValueError(
        f"No Lipschitz rule for layer {name!r} of type {kind}. A bound that "
        "leaves a layer out is no bound, so it is refused. If you know the "
        "Lipschitz constant of the layer in the l2 norm, register it:\n\n"
        f"    @keras_lipschitz.register_rule({kind})\n"
        "    def rule(layer, x):\n"
        "        return 1.0 * x.constant  # its constant in place of 1.0\n"
    )
