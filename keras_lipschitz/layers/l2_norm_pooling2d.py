import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.window_pooling2d import WindowPooling2D

# The smallest normal float32: shorter vectors count as zero.
_SMALLEST_SQUARE = 1.1754944e-38


@register
class L2NormPooling2D(WindowPooling2D):
    """The l2 norm of every window of every channel.

    By the triangle inequality a norm is 1-Lipschitz, and windows do not
    overlap, so the layer is 1-Lipschitz. It preserves the norm of its input.
    The gradient of a window of zeros is zero.

    Args:
        pool_size: Integer or pair of integers, the size of the window.
            Defaults to `2`.
        strides: `None` or `pool_size`: windows lie side by side. Defaults to
            `None`.
        padding: `"valid"` leaves out the border that does not fill a window,
            `"same"` fills it up with zeros on both sides. Defaults to
            `"valid"`.
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
    >>> layer = keras_lipschitz.layers.L2NormPooling2D(2)
    >>> x = np.reshape([1.0, 1.0, 1.0, 1.0], (1, 2, 2, 1))
    >>> float(layer(x)[0, 0, 0, 0])
    2.0

    Reference:
        - [Boureau et al., A theoretical analysis of feature pooling in visual
          recognition, ICML 2010](
          https://icml.cc/Conferences/2010/papers/638.pdf)
    """

    def call(self, inputs):
        # Squares leave the range of float16 at once.
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        squares = ops.square(ops.cast(inputs, dtype))
        squares = self.window_means(squares) * self.window_area
        positive = squares >= _SMALLEST_SQUARE
        norms = ops.sqrt(ops.where(positive, squares, 1.0))
        return ops.cast(ops.where(positive, norms, 0.0), self.compute_dtype)
