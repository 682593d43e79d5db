import math

from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers._spatial import check_rank
from keras_lipschitz.layers.block_layer2d import BlockLayer2D


@register
class InvertibleUpsampling(BlockLayer2D):
    """Moves channels into blocks of pixels: larger images, nothing added.

    Depth to space, the inverse of `InvertibleDownsampling`. It only moves
    entries, so it preserves distances exactly.

    Args:
        pool_size: Integer or pair of integers, the size of the blocks.
            Defaults to `2`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to
            `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`; the pixels
        of a block divide the channels.

    Output shape:
        `(batch, height * p, width * q, channels / (p q))` with
        `"channels_last"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.InvertibleUpsampling(2)
    >>> layer(np.ones((1, 2, 3, 12), "float32")).shape
    (1, 4, 6, 3)

    Reference:
        - [Jacobsen et al., i-RevNet: Deep Invertible Networks, ICLR 2018](
          https://arxiv.org/abs/1802.07088)
    """

    def build(self, input_shape):
        check_rank("InvertibleUpsampling", input_shape)
        channels = input_shape[channel_axis(self.data_format)]
        if channels is None or channels % math.prod(self.pool_size):
            raise ValueError(
                "InvertibleUpsampling spreads channels over blocks. Expected "
                f"a multiple of {math.prod(self.pool_size)} channels. "
                f"Received: input shape {tuple(input_shape)} in format "
                f"{self.data_format!r}"
            )

    def call(self, inputs):
        p, q = self.pool_size
        if self.data_format == "channels_last":
            _, h, w, c = ops.shape(inputs)
            x = ops.reshape(inputs, (-1, h, w, p, q, c // (p * q)))
            x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
            return ops.reshape(x, (-1, h * p, w * q, c // (p * q)))
        _, c, h, w = ops.shape(inputs)
        x = ops.reshape(inputs, (-1, p, q, c // (p * q), h, w))
        x = ops.transpose(x, (0, 3, 4, 1, 5, 2))
        return ops.reshape(x, (-1, c // (p * q), h * p, w * q))

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis, pool in self.pool_of_axis.items():
            if shape[axis] is not None:
                shape[axis] *= pool
            shape[channel_axis(self.data_format)] //= pool
        return tuple(shape)
