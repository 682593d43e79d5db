from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers.one_lipschitz.convex_potential import (
    ConvexPotential,
)
from keras_lipschitz.layers.one_lipschitz.two_map_conv2d import TwoMapConv2D
from keras_lipschitz.ops.skew_convolution import adjoint_kernel


class ResidualConv2D(ConvexPotential, TwoMapConv2D):
    """A convex potential step on images: base class.

    Args:
        filters: Integer, the channels of what is inside.
        *args: As for `TwoMapConv2D`.
        **kwargs: Likewise.
    """

    def build_maps(self, input_shape):
        channels = input_shape[channel_axis(self.data_format)]
        self.build_weights((*self.kernel_size, channels, self.filters))

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
