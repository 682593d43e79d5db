"""The networks of the GloRo paper, by name.

`2C2F` reads: two convolutions, two fully connected layers. All are plain Keras
models that end in logits, with an activation after every layer but the last.
"""

from keras_lipschitz.models.cnn import cnn


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
