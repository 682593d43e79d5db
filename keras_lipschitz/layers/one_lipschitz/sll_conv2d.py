from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.residual_conv2d import ResidualConv2D
from keras_lipschitz.layers.one_lipschitz.sll_weights import SLLWeights
from keras_lipschitz.ops.spectral_rescaling import convolution_factors


@register
class SLLConv2D(SLLWeights, ResidualConv2D):
    """An SDP-based Lipschitz layer on images: a residual block.

    `SLLDense` with convolutions for `V^T` and `V`: 1-Lipschitz for any
    weights, with zero and circular padding and any size of the image.

    Args:
        filters: Integer, the channels of what is inside.
        kernel_size: Odd integer or pair of them. Defaults to `3`.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        **kwargs: As for `keras.layers.Conv2D`, without strides and groups.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        The same.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.SLLConv2D(8)
    >>> layer(np.ones((1, 6, 6, 4), "float32")).shape
    (1, 6, 6, 4)
    >>> layer.lipschitz_constant()
    1.0

    Reference:
        - [Araujo et al., A Unified Algebraic Perspective on Lipschitz Neural
          Networks, ICLR 2023](https://arxiv.org/abs/2303.03169)
    """

    def parametrize(self, raw, log_q):
        return raw * convolution_factors(raw, weights=ops.exp(log_q))
