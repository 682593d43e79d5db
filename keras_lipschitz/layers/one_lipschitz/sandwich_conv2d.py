from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers.one_lipschitz.two_map_conv2d import TwoMapConv2D
from keras_lipschitz.ops.orthogonal_convolution import factors
from keras_lipschitz.ops.orthogonal_convolution import orthogonal_convolution
from keras_lipschitz.ops.skew_convolution import adjoint_kernel


@register
class SandwichConv2D(TwoMapConv2D):
    """A sandwich layer (LBDN) on images.

    `SandwichDense` with convolutions for `B` and `A^T`: together they are one
    orthogonal convolution, with an explicit kernel as that of
    `AdaptiveOrthogonalConv2D` (the paper builds it frequency by frequency).

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Odd integer or pair of them. Defaults to `3`.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        **kwargs: As for `keras.layers.Conv2D`, without strides and groups.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        `(batch, height, width, filters)` with `"channels_last"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.SandwichConv2D(8)
    >>> layer(np.ones((1, 6, 6, 4), "float32")).shape
    (1, 6, 6, 8)
    >>> layer.lipschitz_constant()
    1.0

    Reference:
        - [Wang and Manchester, Direct Parameterization of Lipschitz-Bounded
          Deep Networks, ICML 2023](https://arxiv.org/abs/2301.11526)
    """

    def build_maps(self, input_shape):
        channels = input_shape[channel_axis(self.data_format)]
        self.build_weights(
            (*self.kernel_size, self.filters + channels, self.filters)
        )

    def raw_shapes(self, kernel_shape):
        *size, channels, filters = kernel_shape
        count = factors(size, (1, 1))
        frames = (1, count, channels, max(1, channels // 2))
        shapes = {"frames": frames} if count else {}
        return {**shapes, "patch": (1, channels, filters)}

    def parametrize(self, *raw):
        """The kernels of `A` and `B`, side by side as inputs."""
        *frames, patch = raw
        return orthogonal_convolution(
            frames[0] if frames else None,
            patch,
            self.kernel_shape[-2],
            self.kernel_size,
            (1, 1),
        )

    def call(self, inputs):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        a, b = kernel[:, :, : self.filters], kernel[:, :, self.filters :]
        hidden = self.activation(self.add_bias(self.convolve(inputs, b)))
        return 2.0 * self.convolve(hidden, adjoint_kernel(a))

    def inner_map(self, input_shape):
        shape = list(input_shape)
        axis = channel_axis(self.data_format)
        shape[axis] = self.kernel_shape[-2]
        return self.map_of(shape, self.compute_output_shape(input_shape))

    def constant_of_norm(self, norm):
        return norm * norm
