from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.arguments import check_positive
from keras_lipschitz.layers.one_lipschitz.parametrized_conv2d import (
    ParametrizedConv2D,
)
from keras_lipschitz.ops.spectral_rescaling import rescale_convolution


@register
class SpectralRescalingConv2D(ParametrizedConv2D):
    """A convolution scaled channel by channel to norm one.

    1-Lipschitz for any weights, zero and circular padding, any strides and any
    size of the image. Each iteration beyond the first, which is `AOLConv2D`,
    brings the norm closer to one and costs a convolution of a kernel that has
    grown to about twice its width.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Integer or pair of integers.
        strides: Integer or pair of integers. Defaults to `1`.
        padding: `"valid"`, `"same"` or `"circular"`, which closes the image to
            a torus. Defaults to `"valid"`.
        *args: As for `keras.layers.Conv2D`, without dilation and groups.
        iterations: Positive integer. Defaults to `2`.
        **kwargs: As for `keras.layers.Conv2D`.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        As of `keras.layers.Conv2D`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.SpectralRescalingConv2D(
    ...     4, 3, use_bias=False)
    >>> x = np.ones((1, 8, 8, 2), "float32")
    >>> y = keras.ops.convert_to_numpy(layer(x))
    >>> bool(np.linalg.norm(y) <= np.linalg.norm(x))
    True

    Reference:
        - [Delattre et al., Spectral Norm of Convolutional Layers with Circular
          and Zero Paddings, 2024](https://arxiv.org/abs/2402.00240)
    """

    def __init__(self, filters, kernel_size, *args, iterations=2, **kwargs):
        super().__init__(filters, kernel_size, *args, **kwargs)
        self.iterations = check_positive(self, iterations=iterations)

    def parametrize(self, raw):
        return rescale_convolution(raw, self.strides, self.iterations)

    def get_config(self):
        return {**super().get_config(), "iterations": self.iterations}
