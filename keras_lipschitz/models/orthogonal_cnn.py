import keras

from keras_lipschitz import layers
from keras_lipschitz.models.one_lipschitz_blocks import ACTIVATIONS
from keras_lipschitz.models.one_lipschitz_blocks import check_image
from keras_lipschitz.models.one_lipschitz_blocks import choice


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
    stack = [keras.Input(input_shape)]
    for i, (kernel_size, filters, strides) in enumerate(convolutions, 1):
        stack += [
            layers.AdaptiveOrthogonalConv2D(
                filters,
                kernel_size,
                strides=strides,
                padding="same",
                name=f"conv_{i}",
            ),
            activate(name=f"conv_{i}_{activation}"),
        ]
    stack.append(keras.layers.Flatten(name="flatten"))
    for i, width in enumerate(units, 1):
        stack += [
            layers.CholeskyDense(width, name=f"dense_{i}"),
            activate(name=f"dense_{i}_{activation}"),
        ]
    logits = keras.layers.Dense(
        classes, kernel_initializer="orthogonal", name="logits"
    )
    return keras.Sequential([*stack, logits], name=name)
