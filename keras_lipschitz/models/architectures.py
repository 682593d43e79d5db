"""The networks of the GloRo paper, by name.

`2C2F` reads: two convolutions, two fully connected layers. All are plain Keras
models that end in logits, with an activation after every layer but the last.
"""

import keras

from keras_lipschitz.layers.clipped_min_max import ClippedMinMax
from keras_lipschitz.layers.min_max import MinMax
from keras_lipschitz.layers.relu_theta import ReLUTheta

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
    _check(input_shape, activation)
    count = len(convolutions) + len(units)
    arguments = iter(_by_layer(activation_arguments, count))

    def activate(name):
        return _ACTIVATIONS[activation](
            name=f"{name}_{activation}", **next(arguments)
        )

    layers = [keras.Input(input_shape)]
    for i, (kernel_size, filters, strides) in enumerate(convolutions, 1):
        layers += [
            keras.layers.Conv2D(
                filters,
                kernel_size,
                strides=strides,
                padding="same",
                kernel_initializer=kernel_initializer,
                name=f"conv_{i}",
            ),
            activate(f"conv_{i}"),
        ]
    layers.append(keras.layers.Flatten(name="flatten"))
    for i, width in enumerate(units, 1):
        layers += [
            keras.layers.Dense(
                width,
                kernel_initializer=kernel_initializer,
                name=f"dense_{i}",
            ),
            activate(f"dense_{i}"),
        ]
    layers.append(
        keras.layers.Dense(
            classes,
            kernel_initializer=kernel_initializer,
            name="logits",
        )
    )
    return keras.Sequential(layers, name=name)


def cnn_2c2f(
    input_shape, classes, activation="minmax", name="cnn_2c2f", **kwargs
):
    """2C2F, the paper's network for MNIST at radius 0.3.

    166,406 parameters at `(28, 28, 1)` and 10 classes.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        activation: As for `cnn`. Defaults to `"minmax"`.
        name: String, the name of the model.
        **kwargs: As for `cnn`.

    Returns:
        A built `keras.Sequential` that ends in logits.

    Example:

    >>> base = keras_lipschitz.models.cnn_2c2f((28, 28, 1), 10)
    >>> base.count_params()
    166406

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """
    convolutions = [(4, 16, 2), (4, 32, 2)]
    return cnn(
        input_shape,
        classes,
        convolutions,
        [100],
        activation,
        name=name,
        **kwargs,
    )


def cnn_4c3f(
    input_shape, classes, activation="minmax", name="cnn_4c3f", **kwargs
):
    """4C3F, the paper's network for MNIST at radius 1.58.

    1,974,762 parameters at `(28, 28, 1)` and 10 classes.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        activation: As for `cnn`. Defaults to `"minmax"`.
        name: String, the name of the model.
        **kwargs: As for `cnn`.

    Returns:
        A built `keras.Sequential` that ends in logits.

    Example:

    >>> base = keras_lipschitz.models.cnn_4c3f((28, 28, 1), 10)
    >>> base.count_params()
    1974762

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """
    convolutions = [(3, 32, 1), (4, 32, 2), (3, 64, 1), (4, 64, 2)]
    return cnn(
        input_shape,
        classes,
        convolutions,
        [512, 512],
        activation,
        name=name,
        **kwargs,
    )


def cnn_6c2f(
    input_shape, classes, activation="minmax", name="cnn_6c2f", **kwargs
):
    """6C2F, the paper's network for CIFAR-10 at radius 36/255.

    2,250,378 parameters at `(32, 32, 3)` and 10 classes.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        activation: As for `cnn`. Defaults to `"minmax"`.
        name: String, the name of the model.
        **kwargs: As for `cnn`.

    Returns:
        A built `keras.Sequential` that ends in logits.

    Example:

    >>> base = keras_lipschitz.models.cnn_6c2f((32, 32, 3), 10)
    >>> base.count_params()
    2250378

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """
    convolutions = [
        *((3, 32, 1), (3, 32, 1), (4, 32, 2)),
        *((3, 64, 1), (3, 64, 1), (4, 64, 2)),
    ]
    return cnn(
        input_shape,
        classes,
        convolutions,
        [512],
        activation,
        name=name,
        **kwargs,
    )


def cnn_8c2f(
    input_shape, classes, activation="minmax", name="cnn_8c2f", **kwargs
):
    """8C2F, the library's network for Tiny-ImageNet at radius 36/255.

    6,177,992 parameters at `(64, 64, 3)` and 200 classes.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        activation: As for `cnn`. Defaults to `"minmax"`.
        name: String, the name of the model.
        **kwargs: As for `cnn`.

    Returns:
        A built `keras.Sequential` that ends in logits.

    Example:

    >>> base = keras_lipschitz.models.cnn_8c2f((64, 64, 3), 200)
    >>> base.count_params()
    6177992

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """
    convolutions = [
        *((3, 64, 1), (3, 64, 1), (4, 64, 2)),
        *((3, 128, 1), (3, 128, 1), (4, 128, 2)),
        *((3, 256, 1), (4, 256, 2)),
    ]
    return cnn(
        input_shape,
        classes,
        convolutions,
        [256],
        activation,
        name=name,
        **kwargs,
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


def _check(input_shape, activation):
    if len(input_shape) != 3 or not all(
        isinstance(size, int) and size > 0 for size in input_shape
    ):
        raise ValueError(
            "`input_shape` should be (height, width, channels), all positive "
            f"integers. Received: input_shape={input_shape!r}"
        )
    if activation not in _ACTIVATIONS:
        raise ValueError(
            f"`activation` should be one of {sorted(_ACTIVATIONS)}. Received: "
            f"activation={activation!r}"
        )
