from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.parametrized_conv2d import (
    ParametrizedConv2D,
)
from keras_lipschitz.ops.spectral_rescaling import rescale_convolution


@register
class AOLConv2D(ParametrizedConv2D):
    """An almost-orthogonal convolution: the cheapest that is 1-Lipschitz.

    `SpectralRescalingConv2D` with one iteration: every filter (or input
    channel of every phase of the strides, whichever are fewer) is divided by
    the root of the absolute sum of its correlations with the others. Training
    drives the kernel towards an orthogonal one.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Integer or pair of integers.
        strides: Integer or pair of integers. Defaults to `1`.
        padding: `"valid"`, `"same"` or `"circular"`, which closes the image to
            a torus. Defaults to `"valid"`.
        *args: As for `keras.layers.Conv2D`, without dilation and groups.
        **kwargs: Likewise.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        As of `keras.layers.Conv2D`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.AOLConv2D(4, 3, use_bias=False)
    >>> x = np.ones((1, 8, 8, 2), "float32")
    >>> y = keras.ops.convert_to_numpy(layer(x))
    >>> bool(np.linalg.norm(y) <= np.linalg.norm(x))
    True

    Reference:
        - [Prach and Lampert, Almost-Orthogonal Layers for Efficient
          General-Purpose Lipschitz Networks, ECCV 2022](
          https://arxiv.org/abs/2208.03160)
    """

    def parametrize(self, raw):
        return rescale_convolution(raw, self.strides)
