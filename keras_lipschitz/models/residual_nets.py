"""Networks of residual and of sandwich layers.

Plain Keras models that end in logits, to be wrapped in a `GloroModel`.
"""

import keras

from keras_lipschitz import layers
from keras_lipschitz.models.checks import check_image
from keras_lipschitz.models.checks import choice
from keras_lipschitz.models.one_lipschitz_blocks import RESIDUALS
from keras_lipschitz.models.one_lipschitz_blocks import convolved
from keras_lipschitz.models.one_lipschitz_blocks import padded_to
from keras_lipschitz.models.one_lipschitz_blocks import with_channels

# Size: convolutional blocks, dense blocks, channels, units inside the latter.
RESIDUAL_SIZES = {
    "S": (20, 7, 45, 2048),
    "M": (30, 10, 60, 2048),
    "L": (50, 10, 90, 2048),
    "XL": (70, 15, 120, 2048),
}


def residual_net(
    input_shape, classes, size="S", layer="cpl", inner_filters=5, name=None
):
    """The network of CPL and SLL: residual blocks of one width throughout.

    Residual convolutions on images with channels of zeros added, pooling by 4,
    then residual dense blocks.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        size: `"S"`, `"M"`, `"L"`, `"XL"`, or a tuple: convolutional blocks,
            dense blocks, channels, units inside a dense block. Defaults to
            `"S"`.
        layer: `"cpl"` or `"sll"`. Defaults to `"cpl"`.
        inner_filters: Integer, channels inside a convolutional block. Defaults
            to `5`.
        name: String. Defaults to `"residual_net"`.

    Returns:
        A built `keras.Model`.

    Example:

    >>> base = keras_lipschitz.models.residual_net(
    ...     (8, 8, 1), 10, size=(2, 1, 4, 16), layer="sll")
    >>> base.output_shape
    (None, 10)

    Reference:
        - [Meunier et al., A Dynamical System Perspective for Lipschitz Neural
          Networks, ICML 2022](https://arxiv.org/abs/2110.12690)
        - [Araujo et al., A Unified Algebraic Perspective on Lipschitz Neural
          Networks, ICLR 2023](https://arxiv.org/abs/2303.03169)
    """
    check_image(input_shape)
    if not isinstance(size, tuple):
        size = choice("size", size, RESIDUAL_SIZES)
    convolutions, denses, channels, units = size
    convolution, dense = choice("layer", layer, RESIDUALS)
    inputs = keras.Input(input_shape)
    x = with_channels(inputs, channels, "channels")
    for i in range(1, convolutions + 1):
        x = convolution(inner_filters, name=f"conv_{i}")(x)
    x = padded_to(x, 4)
    x = layers.ScaledAveragePooling2D(4, name="pooling")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for i in range(1, denses + 1):
        x = dense(units, name=f"dense_{i}")(x)
    logits = layers.NormalizedDense(classes, name="logits")(x)
    return keras.Model(inputs, logits, name=name or "residual_net")


def sandwich_net(
    input_shape, classes, filters=(32, 64), units=(512,), name=None
):
    """An LBDN: sandwich layers only, for images of moderate size.

    Each convolution works on an image whose blocks of 2 x 2 pixels have become
    channels.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        filters: Tuple of integers, channels of the sandwich convolutions.
            Defaults to `(32, 64)`.
        units: Tuple of integers, sizes of the sandwich dense layers. Defaults
            to `(512,)`.
        name: String. Defaults to `"sandwich_net"`.

    Returns:
        A built `keras.Model`.

    Example:

    >>> base = keras_lipschitz.models.sandwich_net(
    ...     (8, 8, 1), 10, filters=(4,), units=(16,))
    >>> base.output_shape
    (None, 10)

    Reference:
        - [Wang and Manchester, Direct Parameterization of Lipschitz-Bounded
          Deep Networks, ICML 2023](https://arxiv.org/abs/2301.11526)
    """
    check_image(input_shape)
    inputs = keras.Input(input_shape)
    x = padded_to(inputs, 2 ** len(filters))
    for i, channels in enumerate(filters, 1):
        x = convolved(x, "sandwich", channels, 3, 2, f"conv_{i}")
    x = keras.layers.Flatten(name="flatten")(x)
    for i, size in enumerate(units, 1):
        x = layers.SandwichDense(size, name=f"dense_{i}")(x)
    logits = layers.NormalizedDense(classes, name="logits")(x)
    return keras.Model(inputs, logits, name=name or "sandwich_net")
