import functools

import keras

from keras_lipschitz.layers.clipped_min_max import ClippedMinMax
from keras_lipschitz.layers.min_max import MinMax
from keras_lipschitz.layers.relu_theta import ReLUTheta
from keras_lipschitz.models.checks import check_image
from keras_lipschitz.models.checks import choice
from keras_lipschitz.models.stacks import hidden_layers

_ACTIVATIONS = {
    "clipped_minmax": ClippedMinMax,
    "minmax": MinMax,
    "relu": keras.layers.ReLU,
    "relu_theta": ReLUTheta,
}


def cnn(
    input_shape,
    classes,
    convolutions,
    units,
    activation="minmax",
    kernel_initializer="orthogonal",
    activation_arguments=None,
    name=None,
):
    """A stack of convolutions, then of Dense layers, that ends in logits.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        convolutions: Sequence of `(kernel_size, filters, strides)`, each
            padded to `"same"`.
        units: Sequence of the widths of the hidden Dense layers.
        activation: `"minmax"`, `"relu"`, `"clipped_minmax"` or
            `"relu_theta"`. Defaults to `"minmax"`.
        kernel_initializer: Initializer of all kernels. Defaults to
            `"orthogonal"`, which starts every norm near 1.
        activation_arguments: Dict, arguments of the activation layers, or a
            sequence with one for each.
        name: String, the name of the model.

    Returns:
        A built `keras.Sequential`.

    Example:

    >>> base = keras_lipschitz.models.cnn(
    ...     (8, 8, 1), 10, convolutions=[(3, 16, 2)], units=[32])
    >>> base.output_shape
    (None, 10)
    """
    check_image(input_shape)
    kind = choice("activation", activation, _ACTIVATIONS)
    count = len(convolutions) + len(units)
    arguments = iter(_by_layer(activation_arguments, count))
    initialized = {"kernel_initializer": kernel_initializer}
    hidden = hidden_layers(
        convolutions,
        units,
        functools.partial(keras.layers.Conv2D, **initialized),
        functools.partial(keras.layers.Dense, **initialized),
        lambda name: kind(name=name, **next(arguments)),
        activation,
    )
    return keras.Sequential(
        [
            keras.Input(input_shape),
            *hidden,
            keras.layers.Dense(classes, name="logits", **initialized),
        ],
        name=name,
    )


def _by_layer(arguments, count):
    if not arguments or isinstance(arguments, dict):
        return [arguments or {}] * count
    if len(arguments) != count:
        raise ValueError(
            "`activation_arguments` should be a dict, or a sequence with one "
            f"for each of {count} activations. Received: {len(arguments)}"
        )
    return arguments
