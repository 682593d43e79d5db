from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers._spatial import check_rank
from keras_lipschitz.layers.block_layer2d import BlockLayer2D


@register
class InvertibleDownsampling(BlockLayer2D):
    """Moves blocks of pixels into channels: smaller images, nothing lost.

    Space to depth. It only moves entries, so it preserves distances exactly,
    where strides and pooling throw information away. Pixel `(i, j)` of a block
    of `(p, q)` becomes the channels from `(i q + j) channels` on.
    `InvertibleUpsampling` is the inverse.

    Args:
        pool_size: Integer or pair of integers, the size of the blocks.
            Defaults to `2`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to
            `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`; the block
        size divides height and width.

    Output shape:
        `(batch, height / p, width / q, channels * p * q)` with
        `"channels_last"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.InvertibleDownsampling(2)
    >>> layer(np.ones((1, 4, 6, 3), "float32")).shape
    (1, 2, 3, 12)

    Reference:
        - [Jacobsen et al., i-RevNet: Deep Invertible Networks, ICLR 2018](
          https://arxiv.org/abs/1802.07088)
    """

    def build(self, input_shape):
        check_rank("InvertibleDownsampling", input_shape)
        for axis, pool in self.pool_of_axis.items():
            if input_shape[axis] is not None and input_shape[axis] % pool:
                raise ValueError(
                    "InvertibleDownsampling cuts images into blocks. Expected "
                    "a height and width that are multiples of "
                    f"{self.pool_size}. Received: input shape "
                    f"{tuple(input_shape)} in format {self.data_format!r}"
                )

    def call(self, inputs):
        p, q = self.pool_size
        if self.data_format == "channels_last":
            _, h, w, c = ops.shape(inputs)
            x = ops.reshape(inputs, (-1, h // p, p, w // q, q, c))
            x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
            return ops.reshape(x, (-1, h // p, w // q, p * q * c))
        _, c, h, w = ops.shape(inputs)
        x = ops.reshape(inputs, (-1, c, h // p, p, w // q, q))
        x = ops.transpose(x, (0, 3, 5, 1, 2, 4))
        return ops.reshape(x, (-1, p * q * c, h // p, w // q))

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        channel = channel_axis(self.data_format)
        for axis, pool in self.pool_of_axis.items():
            if shape[axis] is not None:
                shape[axis] //= pool
            if shape[channel] is not None:
                shape[channel] *= pool
        return tuple(shape)
