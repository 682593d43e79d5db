from keras import ops

from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers.invertible_downsampling import (
    InvertibleDownsampling,
)
from keras_lipschitz.layers.lipschitz_layer import InnerMapLipschitzLayer
from keras_lipschitz.layers.one_lipschitz.image_layer import ImageLayer
from keras_lipschitz.layers.one_lipschitz.image_layer import check_keeps_shape


class DownsamplingConv2D(InnerMapLipschitzLayer, ImageLayer):
    """A convolution that keeps size and channels: base class.

    Strides move blocks of pixels into channels first. Where input and output
    differ in channels, the narrower of the two is filled up with zeros, or cut
    off: neither lengthens a distance.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Odd integer or pair of them. Defaults to `3`.
        strides: Integer or pair of integers that divide the size of the image.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        **kwargs: As for `keras.layers.Conv2D`.
    """

    def __init__(
        self, filters, kernel_size=3, strides=(1, 1), padding="same", **kwargs
    ):
        super().__init__(filters, kernel_size, (1, 1), padding, **kwargs)
        check_keeps_shape(self)
        # What is convolved is what the strides have left.
        self.downsampling = InvertibleDownsampling(
            strides, self.data_format, dtype=self.dtype_policy
        )

    def build(self, input_shape):
        super().build(input_shape)
        channels = self.inner_shape(input_shape)[channel_axis(self.data_format)]
        self.width = max(channels, self.filters)
        self.build_weights(
            (*self.kernel_size, self.width, self.width), self.filters
        )
        self.mapped_shape = tuple(input_shape)

    def check_shape(self, input_shape, channels):
        self.downsampling.build(input_shape)
        super().check_shape(self.inner_shape(input_shape), channels)

    def inner_shape(self, input_shape, width=None):
        """The shape behind the strides; with `width` channels, if given."""
        shape = list(self.downsampling.compute_output_shape(input_shape))
        axis = channel_axis(self.data_format)
        shape[axis] = width or shape[axis]
        return tuple(shape)

    def transform(self, inputs):
        """A map that keeps the shape of `(batch, height, width, channels)`."""
        raise NotImplementedError

    def call(self, inputs):
        x = self.downsampling(inputs)
        axis = channel_axis(self.data_format)
        widths = [(0, 0)] * 4
        widths[axis] = (0, self.width - x.shape[axis])
        x = self.transform(ops.pad(x, widths))
        x = x[(slice(None),) * axis + (slice(0, self.filters),)]
        return self.activation(self.add_bias(x))

    def compute_output_shape(self, input_shape):
        return self.inner_shape(input_shape, self.filters)

    def get_config(self):
        return {**super().get_config(), "strides": self.downsampling.pool_size}
