"""Which rule carries a box through which layer.

A rule gets a `Box` for each input of its layer and returns one that holds all
that the layer can answer at inference. Layers whose entries never fall when
their inputs rise, and such that are monotone in every entry by itself, need no
rule of their own. All of it goes by exact type.
"""

import inspect

from keras import ops

from keras_lipschitz.propagation.intervals.box import Box

_RULES = {}
_TRAINING_RULES = {}


def increasing(layer, *boxes):
    """No entry falls when inputs rise: ends go to ends."""
    return Box(
        called(layer, [box.lower for box in boxes]),
        called(layer, [box.upper for box in boxes]),
        _center(layer, boxes),
    )


def monotone(layer, box):
    """Every entry looks at one entry, and rises or falls with it."""
    one, other = called(layer, [box.lower]), called(layer, [box.upper])
    lower, upper = ops.minimum(one, other), ops.maximum(one, other)
    return Box(lower, upper, _center(layer, [box]))


def _center(layer, boxes):
    if any(box.center is None for box in boxes):
        return None
    return called(layer, [box.center for box in boxes])


def called(layer, values):
    """What a layer answers at inference, in the precision of its inputs."""
    # Unless told, a layer does as the bound does that calls it.
    told = "training" in inspect.signature(layer.call).parameters
    options = {"training": False} if told else {}
    y = layer(values[0] if len(values) == 1 else list(values), **options)
    return ops.cast(y, values[0].dtype)


def register_interval_rule(*layer_types, training=False):
    """Registers how a layer carries a box.

    Args:
        *layer_types: The layer classes that the rule serves.
        training: Whether the rule serves training alone, where it may be an
            estimate. Defaults to `False`.

    Returns:
        A decorator for a function `rule(layer, *boxes) -> Box`, with a
        `keras_lipschitz.bounds.intervals.Box` for each input of the layer.
        Where the layer never lets an entry fall when inputs rise, let it be
        `keras_lipschitz.bounds.intervals.increasing`.

    Example:

    ```python
    @keras_lipschitz.register_interval_rule(Negate)
    def negate(layer, x):
        return keras_lipschitz.bounds.intervals.Box(-x.upper, -x.lower)
    ```
    """
    table = _TRAINING_RULES if training else _RULES

    def decorator(rule):
        for layer_type in layer_types:
            # A new rule is not passed over in training for one before it.
            _TRAINING_RULES.pop(layer_type, None)
            table[layer_type] = rule
        return rule

    return decorator


def interval_rule_of(layer, name, training=False):
    """The rule of a layer.

    Args:
        layer: A Keras layer or operation.
        name: What to call it in an error.
        training: Whether it is to serve training.

    Raises:
        ValueError: Where no rule is registered.
    """
    kind = type(layer)
    if training and kind in _TRAINING_RULES:
        return _TRAINING_RULES[kind]
    if kind in _RULES:
        return _RULES[kind]
    raise ValueError(
        f"No interval rule for layer {name!r} of type {kind.__name__}. Bounds "
        "by interval arithmetic need one for every layer. If you know what "
        "the layer makes of a box, register it:\n\n"
        f"    @keras_lipschitz.register_interval_rule({kind.__name__})\n"
        "    def rule(layer, x):\n"
        "        # from the ends x.lower and x.upper\n"
        "        return keras_lipschitz.bounds.intervals.Box(lower, upper)\n"
    )
