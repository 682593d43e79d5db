import math

import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._spatial import check_data_format
from keras_lipschitz.layers._spatial import check_fixed_size
from keras_lipschitz.layers._spatial import check_rank
from keras_lipschitz.layers._spatial import root_down
from keras_lipschitz.layers._spatial import spatial_axes
from keras_lipschitz.layers._spatial import spatial_size
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer


@register
class ScaledGlobalAveragePooling2D(LipschitzLayer, keras.layers.Layer):
    """The mean of each channel, scaled so that its Lipschitz constant is 1.

    On images of `n` pixels it returns `sqrt(n)` times the mean over them.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. Defaults to
            `keras.config.image_data_format()`.
        keepdims: Whether to keep height and width, as axes of size 1.
            Defaults to `False`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`; height and
        width are fixed.

    Output shape:
        `(batch, channels)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.ScaledGlobalAveragePooling2D()
    >>> y = layer(np.ones((1, 4, 4, 1), "float32"))
    >>> y.shape, float(y[0, 0]), layer.lipschitz_constant()
    ((1, 1), 4.0, 1.0)

    Reference:
        - [Serrurier et al., Achieving robustness in classification using
          optimal transport with hinge regularization, CVPR 2021](
          https://arxiv.org/abs/2006.06520)
    """

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = check_data_format(type(self).__name__, data_format)
        self.keepdims = bool(keepdims)

    def build(self, input_shape):
        check_rank(type(self).__name__, input_shape)
        check_fixed_size(type(self).__name__, input_shape, self.data_format)

    def call(self, inputs):
        pixels = math.prod(spatial_size(inputs.shape, self.data_format))
        means = ops.mean(
            inputs, axis=spatial_axes(self.data_format), keepdims=self.keepdims
        )
        return means * root_down(pixels)

    def compute_output_shape(self, input_shape):
        axes = spatial_axes(self.data_format)
        if self.keepdims:
            return tuple(
                1 if axis in axes else size
                for axis, size in enumerate(input_shape)
            )
        return tuple(
            size for axis, size in enumerate(input_shape) if axis not in axes
        )

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "data_format": self.data_format,
            "keepdims": self.keepdims,
        }
