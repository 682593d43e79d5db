import keras

from keras_lipschitz._registration import register
from keras_lipschitz.layers.linear_maps import convolution_map
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer


@register
class LipschitzConv2D(LinearLipschitzLayer, keras.layers.Conv2D):
    """A `Conv2D` layer that knows its own Lipschitz constant.

    It computes what `keras.layers.Conv2D` computes and takes the same
    arguments. The constant is that of the operator on the real input size,
    with its strides, padding, dilation and groups, not a norm of the reshaped
    kernel.

    Args:
        *args: As for `keras.layers.Conv2D`.
        **kwargs: As for `keras.layers.Conv2D`.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        `(batch, new_height, new_width, filters)` with `"channels_last"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.LipschitzConv2D(4, 3, strides=2)
    >>> layer(np.ones((1, 8, 8, 1), "float32")).shape
    (1, 3, 3, 4)

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.build_power_iterate(input_shape)

    def linear_map(self, input_shape):
        return convolution_map(self, input_shape)
