from keras_lipschitz._registration import register
from keras_lipschitz.layers._spatial import root_down
from keras_lipschitz.layers.window_pooling2d import WindowPooling2D


@register
class ScaledAveragePooling2D(WindowPooling2D):
    """Average pooling, scaled so that its Lipschitz constant is 1.

    The mean over a window of `n` entries has the constant `1 / sqrt(n)`: a
    network with plain average pooling gives capacity away. This layer returns
    `sqrt(n)` times the mean. Windows do not overlap, so the layer is
    1-Lipschitz, and preserves the norm of an image that is constant on each
    window.

    Args:
        pool_size: Integer or pair of integers, the size of the window.
            Defaults to `2`.
        strides: `None` or `pool_size`: windows lie side by side. Defaults to
            `None`.
        padding: `"valid"` leaves out the border that does not fill a window,
            `"same"` fills it up with zeros on both sides, which count in the
            mean. Defaults to `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to
            `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        `(batch, height / pool, width / pool, channels)` with
        `"channels_last"`, rounded down for `"valid"` and up for `"same"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.ScaledAveragePooling2D(2)
    >>> y = layer(np.ones((1, 4, 4, 1), "float32"))
    >>> y.shape, float(y[0, 0, 0, 0]), layer.lipschitz_constant()
    ((1, 2, 2, 1), 2.0, 1.0)

    Reference:
        - [Serrurier et al., Achieving robustness in classification using
          optimal transport with hinge regularization, CVPR 2021](
          https://arxiv.org/abs/2006.06520)
    """

    def call(self, inputs):
        return self.window_means(inputs) * root_down(self.window_area)
