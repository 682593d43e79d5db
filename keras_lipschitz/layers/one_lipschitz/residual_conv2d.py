from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers.one_lipschitz.convex_potential import (
    ConvexPotential,
)
from keras_lipschitz.layers.one_lipschitz.convex_potential import check_slope
from keras_lipschitz.layers.one_lipschitz.image_layer import ImageLayer
from keras_lipschitz.layers.one_lipschitz.image_layer import check_keeps_shape
from keras_lipschitz.ops.skew_convolution import adjoint_kernel


class ResidualConv2D(ConvexPotential, ImageLayer):
    """A convex potential step on images: base class.

    Args:
        filters: Integer, the channels of what is inside.
        kernel_size: Odd integer or pair of them. Defaults to `3`.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        **kwargs: As for `keras.layers.Conv2D`, without strides and groups.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        padding="same",
        activation="relu",
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            padding=padding,
            activation=activation,
            **kwargs,
        )
        check_slope(self)
        check_keeps_shape(self)

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[channel_axis(self.data_format)]
        self.build_weights((*self.kernel_size, channels, self.filters))
        self.mapped_shape = tuple(input_shape)

    def enter(self, inputs, kernel):
        return self.add_bias(self.convolve(inputs, kernel))

    def leave(self, hidden, kernel):
        return self.convolve(hidden, adjoint_kernel(kernel))

    def inner_map(self, input_shape):
        return self.map_of(input_shape, self.hidden_shape(input_shape))

    def hidden_shape(self, input_shape):
        """The shape of what is inside."""
        shape = list(input_shape)
        shape[channel_axis(self.data_format)] = self.filters
        return tuple(shape)
