"""Which rule serves which layer.

Two tables. A layer that is a linear map up to bias and activation says which
map (`register_linear_map`), and its norm is estimated or certified from that
one description. Any other layer says how the constants of its inputs become
that of its output (`register_rule`). Both go by exact type: a subclass may
compute something else.
"""

import dataclasses

import keras

from keras_lipschitz.layers.lipschitz_layer import InnerMapLipschitzLayer
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer
from keras_lipschitz.ops.activations import activation_constant
from keras_lipschitz.propagation.norms import check_norm
from keras_lipschitz.propagation.norms import norm_name

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


def register_rule(*layer_types, norm=2):
    """Registers the Lipschitz rule of a layer.

    Constants may be floats, differentiable scalars or rigorous upper bounds,
    so a rule is written in plain arithmetic (`+`, `*`, `/` by a float, `**`),
    and a float that it brings along must not be rounded down.

    Args:
        *layer_types: The layer classes that the rule serves.
        norm: `2` or `"inf"`, the norm in which tensors are measured. A rule
            for one serves no other. Defaults to `2`.

    Returns:
        A decorator for a function `rule(layer, *inputs) -> constant`, with a
        `Signal` for each input of the layer.

    Example:

    ```python
    class Double(keras.layers.Layer):
        def call(self, x):
            return 2.0 * x

    @keras_lipschitz.register_rule(Double)
    def double(layer, x):
        return 2.0 * x.constant
    ```
    """

    norm = check_norm(norm)

    def decorator(rule):
        for layer_type in layer_types:
            _RULES[norm, layer_type] = rule
        return rule

    return decorator


def register_linear_map(*layer_types):
    """Registers the linear map that a layer applies.

    The layer may add a bias. Where it has an attribute `activation`, the
    constant of that function counts too.

    Args:
        *layer_types: The layer classes that the description serves.

    Returns:
        A decorator for a function `linear_map(layer, input_shape)` that returns
        a `keras_lipschitz.ops.LinearMap`; `input_shape` includes the batch.

    Example:

    ```python
    class Matrix(keras.layers.Layer):
        def build(self, input_shape):
            self.matrix = self.add_weight(shape=(input_shape[-1], 2))

        def call(self, x):
            return keras.ops.matmul(x, self.matrix)

    @keras_lipschitz.register_linear_map(Matrix)
    def matrix_map(layer, input_shape):
        return keras_lipschitz.ops.DenseMap(
            lambda: layer.matrix, (input_shape[-1],), (2,)
        )
    ```
    """

    def decorator(linear_map):
        for layer_type in layer_types:
            _LINEAR_MAPS[layer_type] = linear_map
        return linear_map

    return decorator


def linear_map_of(layer, input_shape):
    """The `LinearMap` of a layer, or `None` where it is not one."""
    if isinstance(layer, LinearLipschitzLayer):
        return _described(layer, "linear_map")(input_shape)
    if type(layer) in _LINEAR_MAPS:
        return _LINEAR_MAPS[type(layer)](layer, input_shape)
    return None


def deciding_map_of(layer, input_shape):
    """The `LinearMap` whose norm decides the constant of a layer.

    Its own, or one inside it; `None` where there is neither.
    """
    if isinstance(layer, InnerMapLipschitzLayer):
        return _described(layer, "inner_map")(input_shape)
    return linear_map_of(layer, input_shape)


def constant_of(layer, value, norm=2):
    """The constant of a layer from the norm of the map that decides it.

    Args:
        layer: A layer with such a map.
        value: The norm of that map.
        norm: `2` or `"inf"`, which norm it is.
    """
    if not isinstance(layer, InnerMapLipschitzLayer):
        return value * activation_constant(getattr(layer, "activation", None))
    if norm != 2:
        raise cannot_bound(layer, "it knows its constant in the l2 norm only.")
    return _described(layer, "constant_of_norm")(value)


def rule_of(layer, name, inputs=1, norm=2):
    """The rule of a layer that is not a linear map.

    Args:
        layer: A Keras layer or operation.
        name: What to call it in an error.
        inputs: Integer, how many tensors it reads here.
        norm: `2` or `"inf"`.

    Raises:
        ValueError: Where no rule is registered.
    """
    if (norm, type(layer)) in _RULES:
        return _RULES[norm, type(layer)]
    if norm == 2 and isinstance(layer, LipschitzLayer):
        constant = _described(layer, "lipschitz_constant")
        return lambda layer, x: x.constant * constant()
    raise ValueError(
        _no_rule(layer, name, inputs, norm)
        if isinstance(layer, keras.layers.Layer)
        else _no_layer(layer, name)
    )


def cannot_bound(layer, reason):
    """The error of a rule that refuses a layer.

    Args:
        layer: The layer.
        reason: Why, beginning with what was found.
    """
    return ValueError(
        f"No Lipschitz constant for layer {layer.name!r} of type "
        f"{type(layer).__name__}: {reason}"
    )


def _described(layer, method):
    """The method by which a layer tells its constant.

    A subclass that changes `call` alone is no longer what the method of its
    base class describes.
    """
    owner = next(c for c in type(layer).__mro__ if method in vars(c))
    call = getattr(owner, "call", keras.layers.Layer.call)
    if call not in (keras.layers.Layer.call, type(layer).call):
        raise cannot_bound(
            layer,
            f"it has a `call` of its own and the `{method}` of "
            f"{owner.__name__}. Override `{method}` too.",
        )
    return getattr(layer, method)


def _no_rule(layer, name, inputs, norm):
    kind = type(layer).__name__
    given = "" if norm == 2 else f", norm={norm!r}"
    arguments = ["x"] if inputs == 1 else [f"x{i + 1}" for i in range(inputs)]
    terms = " + ".join(f"1.0 * {x}.constant" for x in arguments)
    return (
        f"No Lipschitz rule for layer {name!r} of type {kind} in the "
        f"{norm_name(norm)} norm. A bound that leaves a layer out is no bound, "
        "so it is refused. If you know how fast the layer can move its output "
        "in that norm, register it:\n\n"
        f"    @keras_lipschitz.register_rule({kind}{given})\n"
        f"    def rule(layer, {', '.join(arguments)}):\n"
        f"        return {terms}  # its constants in place of 1.0\n"
    )


def _no_layer(operation, name):
    return (
        f"No Lipschitz rule for {name!r}, an operation "
        f"{type(operation).__name__} outside of a layer. Expected layers only: "
        "use the Keras layer that does it (`Add`, `ReLU`, `Rescaling`, ...), "
        "or write a layer and register its rule with "
        "`keras_lipschitz.register_rule`."
    )
