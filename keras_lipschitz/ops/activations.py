"""The Lipschitz constants of Keras' activation functions."""

import keras

# The largest absolute slope of each function, rounded up where it is not
# exact. Softmax, argmax-like and discontinuous functions are absent on purpose.
_CONSTANTS = {
    "linear": 1.0,
    "relu": 1.0,
}


def activation_constant(activation):
    """The largest slope of an activation function.

    Args:
        activation: A Keras activation function, its name, or `None`.

    Returns:
        A float.

    Raises:
        ValueError: For a function that is discontinuous or unknown.
    """
    if activation is None:
        return 1.0
    function = keras.activations.get(activation)
    name = getattr(function, "__name__", repr(function))
    if name in _CONSTANTS and function is keras.activations.get(name):
        return _CONSTANTS[name]
    raise ValueError(
        f"The Lipschitz constant of the activation {name!r} is not known. "
        f"Expected one of {sorted(_CONSTANTS)}. For another function, write a "
        "layer and register its rule with `keras_lipschitz.register_rule`."
    )
