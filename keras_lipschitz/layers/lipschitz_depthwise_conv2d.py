import keras

from keras_lipschitz._registration import register
from keras_lipschitz.layers.linear_maps import depthwise_convolution_map
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer


@register
class LipschitzDepthwiseConv2D(
    LinearLipschitzLayer, keras.layers.DepthwiseConv2D
):
    """A `DepthwiseConv2D` layer that knows its own Lipschitz constant.

    It computes what `keras.layers.DepthwiseConv2D` computes and takes the same
    arguments. The constant is that of the operator on the real input size.

    Args:
        *args: As for `keras.layers.DepthwiseConv2D`.
        **kwargs: As for `keras.layers.DepthwiseConv2D`.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        `(batch, new_height, new_width, channels * depth_multiplier)` with
        `"channels_last"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.LipschitzDepthwiseConv2D(3)
    >>> layer(np.ones((1, 8, 8, 2), "float32")).shape
    (1, 6, 6, 2)

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.build_power_iterate(input_shape)

    def linear_map(self, input_shape):
        return depthwise_convolution_map(self, input_shape)
