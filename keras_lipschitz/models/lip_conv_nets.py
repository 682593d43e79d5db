"""Networks of 1-Lipschitz convolutions of any kind.

Plain Keras models that end in logits, to be wrapped in a `GloroModel`.
"""

import keras

from keras_lipschitz import layers
from keras_lipschitz.models.checks import check_image
from keras_lipschitz.models.checks import choice
from keras_lipschitz.models.one_lipschitz_blocks import ACTIVATIONS
from keras_lipschitz.models.one_lipschitz_blocks import convolved
from keras_lipschitz.models.one_lipschitz_blocks import padded_to
from keras_lipschitz.models.one_lipschitz_blocks import with_channels

# Size: channels of the first block.
COMPARISON_WIDTHS = {"XS": 16, "S": 32, "M": 64, "L": 128}


def lip_conv_net(
    input_shape,
    classes,
    depth=5,
    width=32,
    convolution="soc",
    activation="minmax",
    stages=5,
    name=None,
):
    """LipConvNet-N: five stages that halve the image and double the channels.

    Each stage has `depth / 5` convolutions with an activation after each; the
    last of them has stride 2. Images are padded with zeros to a multiple of 32.
    With fewer stages, small images need less padding and less time.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        depth: Integer, a multiple of `stages`. Defaults to `5`.
        width: Integer, half the channels behind the first stage. Defaults to
            `32`.
        convolution: `"soc"`, `"adaptive_orthogonal"`, `"aol"`, `"bro"`,
            `"spectral_rescaling"`, `"sandwich"`, `"cpl"` or `"sll"`. Defaults
            to `"soc"`.
        activation: `"minmax"`, `"householder"` or `"relu"`. Defaults to
            `"minmax"`.
        stages: Integer. Defaults to `5`.
        name: String. Defaults to `"lip_conv_net_<depth>"`.

    Returns:
        A built `keras.Model`.

    Example:

    >>> base = keras_lipschitz.models.lip_conv_net((28, 28, 1), 10, width=2)
    >>> base.output_shape
    (None, 10)

    Reference:
        - [Singla and Feizi, Skew Orthogonal Convolutions, ICML 2021](
          https://arxiv.org/abs/2105.11417)
    """
    check_image(input_shape)
    if stages < 1 or depth < stages or depth % stages:
        raise ValueError(
            f"`depth` should be a multiple of {stages} stages. Received: "
            f"depth={depth!r}"
        )
    activate = choice("activation", activation, ACTIVATIONS)
    inputs = keras.Input(input_shape)
    x = padded_to(inputs, 2**stages)
    for stage in range(1, stages + 1):
        for i in range(1, depth // stages + 1):
            last = i == depth // stages
            at = f"stage_{stage}_{i}"
            filters = width * 2 ** (stage if last else stage - 1)
            size = 1 if last and stage == 5 else 3
            x = convolved(x, convolution, filters, size, 2 if last else 1, at)
            x = activate(name=f"{at}_{activation}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    logits = layers.NormalizedDense(classes, name="logits")(x)
    name = name or f"lip_conv_net_{depth}"
    return keras.Model(inputs, logits, name=name)


def comparison_net(
    input_shape, classes, size="XS", convolution="aol", name=None
):
    """The network of "1-Lipschitz Layers Compared": one for all convolutions.

    A 1 x 1 convolution, then five blocks of five, MinMax after each; behind a
    block half of the channels are dropped, and blocks of 2 x 2 pixels become
    channels. The last block has 1 x 1 kernels.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        size: `"XS"`, `"S"`, `"M"`, `"L"`, or the number of channels of the
            first block. Defaults to `"XS"`.
        convolution: As for `lip_conv_net`. Defaults to `"aol"`.
        name: String. Defaults to `"comparison_net"`.

    Returns:
        A built `keras.Model`.

    Example:

    >>> base = keras_lipschitz.models.comparison_net((32, 32, 3), 10, size=4)
    >>> base.output_shape
    (None, 10)

    Reference:
        - [Prach et al., 1-Lipschitz Layers Compared, CVPR 2024](
          https://arxiv.org/abs/2311.16833)
    """
    check_image(input_shape)
    width = size
    if not isinstance(size, int):
        width = choice("size", size, COMPARISON_WIDTHS)
    inputs = keras.Input(input_shape)
    x = padded_to(inputs, 16)
    x = convolved(x, convolution, width, 1, name="first")
    for block in range(1, 6):
        kernel_size = 3 if block < 5 else 1
        for i in range(1, 6):
            at = f"block_{block}_{i}"
            x = convolved(x, convolution, width, kernel_size, name=at)
            x = layers.MinMax(name=f"{at}_minmax")(x)
        if block < 5:
            x = with_channels(x, width // 2, f"block_{block}_half")
            x = layers.InvertibleDownsampling(2, name=f"block_{block}_down")(x)
            width *= 2
    x = keras.layers.GlobalMaxPooling2D(name="pooling")(x)
    logits = layers.CayleyDense(classes, name="logits")(x)
    return keras.Model(inputs, logits, name=name or "comparison_net")
