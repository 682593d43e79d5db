"""The Lipschitz constants of Keras' activation functions."""

import keras

# The largest absolute slope of each function with its default arguments,
# rounded up where it is not exact.
_SLOPES = {
    "celu": 1.0,
    "elu": 1.0,
    "gelu": 1.128904145185155,
    "hard_sigmoid": 0.16666666666666669,
    "hard_silu": 1.5,
    "hard_tanh": 1.0,
    "leaky_relu": 1.0,
    "linear": 1.0,
    "log_sigmoid": 1.0,
    "mish": 1.088498161251728,
    "relu": 1.0,
    "relu6": 1.0,
    "selu": 1.758099340847377,
    "sigmoid": 0.25,
    "silu": 1.099839320128867,
    "soft_shrink": 1.0,
    "softplus": 1.0,
    "softsign": 1.0,
    "sparse_plus": 1.0,
    "sparse_sigmoid": 0.5,
    "squareplus": 1.0,
    "tanh": 1.0,
    "tanh_shrink": 1.0,
}
_INCREASING = (
    *("celu", "elu", "hard_sigmoid", "hard_tanh", "leaky_relu", "linear"),
    *("log_sigmoid", "relu", "relu6", "selu", "sigmoid", "soft_shrink"),
    *("softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus"),
    *("tanh", "tanh_shrink"),
)
_REASONS = {
    "exponential": "its slope has no bound",
    "glu": "its slope has no bound",
    "hard_shrink": "it jumps, so it has no Lipschitz constant",
    "log_softmax": "it works on vectors, not entry by entry",
    "softmax": "it works on vectors, not entry by entry",
    "sparsemax": "it works on vectors, not entry by entry",
    "threshold": "it jumps, so it has no Lipschitz constant",
}


def _by_function(table):
    """A table by name as one by function, of both modules that have it."""
    return {
        getattr(module, name): value
        for module in (keras.ops, keras.activations)
        for name, value in table.items()
        if hasattr(module, name)
    }


# Functions are known by identity: a user's own may bear any name.
_CONSTANTS = {
    **_by_function(_SLOPES),
    # Here the tanh approximation is the default.
    keras.ops.gelu: 1.128993068658772,
}
_REFUSALS = _by_function(_REASONS)
_INCREASING_FUNCTIONS = set(_by_function(dict.fromkeys(_INCREASING)))


def is_increasing(activation):
    """Whether an activation function of Keras is known never to fall."""
    return keras.activations.get(activation) in _INCREASING_FUNCTIONS


def activation_constant(activation):
    """The largest slope of an activation function.

    Args:
        activation: A Keras activation function, its name, or `None`.

    Returns:
        A float.

    Raises:
        ValueError: For a function that is discontinuous or unknown.
    """
    function = keras.activations.get(activation)
    if function in _CONSTANTS:
        return _CONSTANTS[function]
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    name = f"{module}.{name}" if name else repr(function)
    reason = _REFUSALS.get(function, "it is not a function of Keras")
    raise ValueError(
        f"The Lipschitz constant of the activation {name!r} is not known: "
        f"{reason}. Expected one of {sorted(_SLOPES)}, as Keras defines them. "
        "For anything else use a layer and, where it is your own, register its "
        "rule with `keras_lipschitz.register_rule`."
    )
