"""LiResNet and its successors."""

import keras

from keras_lipschitz import layers
from keras_lipschitz.models.checks import check_image


def li_resnet(
    input_shape,
    classes,
    depth=12,
    width=256,
    units=(512,),
    centering=False,
    orthogonal=False,
    name=None,
):
    """LiResNet: linear residual convolutions with MinMax between them.

    A stem of stride 2, the residual trunk, a neck of stride 4, dense layers.
    Its layers are not 1-Lipschitz: their norms are certified.

    Args:
        input_shape: Shape of one image, `(height, width, channels)`.
        classes: Integer, the number of classes.
        depth: Integer, residual convolutions. Defaults to `12`.
        width: Integer, their channels. Defaults to `256`.
        units: Tuple of integers, sizes of the dense layers. Defaults to
            `(512,)`.
        centering: Whether to subtract the mean of the batch behind each of
            them. Defaults to `False`.
        orthogonal: Whether neck and dense layers are orthogonal, as in later
            versions. Defaults to `False`.
        name: String. Defaults to `"li_resnet"`.

    Returns:
        A built `keras.Model`.

    Example:

    >>> base = keras_lipschitz.models.li_resnet(
    ...     (16, 16, 3), 10, depth=2, width=8, units=(16,))
    >>> base.output_shape
    (None, 10)

    Reference:
        - [Hu et al., Unlocking Deterministic Robustness Certification on
          ImageNet, NeurIPS 2023](https://arxiv.org/abs/2301.12549)
        - [Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024](
          https://arxiv.org/abs/2310.02513)
    """
    check_image(input_shape)
    inputs = keras.Input(input_shape)
    stem = keras.layers.Conv2D(
        width,
        5,
        strides=2,
        padding="same",
        kernel_initializer="orthogonal",
        name="stem",
    )
    x = layers.MinMax(name="stem_minmax")(stem(inputs))
    for i in range(1, depth + 1):
        block = layers.LinearResidualConv2D(
            width, scale=depth**-0.5, name=f"block_{i}"
        )
        x = block(x)
        if centering:
            x = layers.BatchCentering(name=f"block_{i}_centering")(x)
        x = layers.MinMax(name=f"block_{i}_minmax")(x)
    convolution = layers.LipschitzConv2D
    dense = layers.LipschitzDense
    if orthogonal:
        convolution = layers.AdaptiveOrthogonalConv2D
        dense = layers.CholeskyDense
    neck = convolution(
        2 * width, 4, strides=4, kernel_initializer="orthogonal", name="neck"
    )
    x = layers.MinMax(name="neck_minmax")(neck(x))
    x = keras.layers.Flatten(name="flatten")(x)
    for i, size in enumerate(units, 1):
        layer = dense(size, kernel_initializer="orthogonal", name=f"dense_{i}")
        x = layers.MinMax(name=f"dense_{i}_minmax")(layer(x))
    logits = layers.NormalizedDense(classes, name="logits")(x)
    return keras.Model(inputs, logits, name=name or "li_resnet")
