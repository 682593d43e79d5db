from keras import ops

from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.one_lipschitz.image_layer import ImageLayer


class ParametrizedConv2D(LinearLipschitzLayer, ImageLayer):
    """A `Conv2D` layer with a kernel that is computed: base class.

    Args:
        *args: As for `ImageLayer`.
        **kwargs: Likewise.
    """

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[channel_axis(self.data_format)]
        self.build_weights(
            (*self.kernel_size, channels // self.groups, self.filters)
        )
        self.build_power_iterate(input_shape)

    def call(self, inputs):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return self.activation(self.add_bias(self.convolve(inputs, kernel)))

    def linear_map(self, input_shape):
        return self.map_of(input_shape, self.compute_output_shape(input_shape))
