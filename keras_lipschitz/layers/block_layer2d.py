import keras

from keras_lipschitz.layers._spatial import check_data_format
from keras_lipschitz.layers._spatial import check_pool_size
from keras_lipschitz.layers._spatial import spatial_axes
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer


class BlockLayer2D(LipschitzLayer, keras.layers.Layer):
    """A layer that works on blocks of pixels, side by side: base class.

    As no pixel is in two blocks, the layer is as Lipschitz as what it does to
    one block; a subclass does what is 1-Lipschitz.

    Args:
        pool_size: Integer or pair of integers, the size of the blocks.
            Defaults to `2`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to
            `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments.
    """

    def __init__(self, pool_size=2, data_format=None, **kwargs):
        super().__init__(**kwargs)
        kind = type(self).__name__
        self.pool_size = check_pool_size(kind, pool_size)
        self.data_format = check_data_format(kind, data_format)

    @property
    def pool_of_axis(self):
        """Dict from the axes of height and width to the size of a block."""
        axes = spatial_axes(self.data_format)
        return dict(zip(axes, self.pool_size, strict=True))

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "data_format": self.data_format,
        }
