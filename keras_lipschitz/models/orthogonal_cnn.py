import keras

from keras_lipschitz import layers
from keras_lipschitz.models.checks import check_image
from keras_lipschitz.models.checks import choice
from keras_lipschitz.models.one_lipschitz_blocks import ACTIVATIONS
from keras_lipschitz.models.stacks import hidden_layers


def orthogonal_cnn(
    input_shape,
    classes,
    convolutions=((4, 32, 2), (4, 64, 2)),
    units=(512, 512, 512, 512),
    activation="minmax",
    name="orthogonal_cnn",
):
    """A stack of orthogonal convolutions, then of orthogonal Dense layers.

    As `cnn`, but below the logits the constant is one by construction: no
    training is spent on keeping it small, and depth costs no robustness. The
    last layer is a plain `Dense`.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        convolutions: Sequence of `(kernel_size, filters, strides)`, each
            padded to `"same"`. Defaults to two that halve the image.
        units: Sequence of the widths of the hidden Dense layers. Defaults to
            four of 512.
        activation: `"minmax"`, `"householder"` or `"relu"`. Defaults to
            `"minmax"`.
        name: String, the name of the model.

    Returns:
        A built `keras.Sequential` that ends in logits.

    Example:

    >>> base = keras_lipschitz.models.orthogonal_cnn(
    ...     (8, 8, 1), 10, convolutions=[(4, 8, 2)], units=[16])
    >>> base.output_shape
    (None, 10)
    """
    check_image(input_shape)
    activate = choice("activation", activation, ACTIVATIONS)
    hidden = hidden_layers(
        convolutions,
        units,
        layers.AdaptiveOrthogonalConv2D,
        layers.CholeskyDense,
        activate,
        activation,
    )
    return keras.Sequential(
        [
            keras.Input(input_shape),
            *hidden,
            keras.layers.Dense(
                classes, kernel_initializer="orthogonal", name="logits"
            ),
        ],
        name=name,
    )
