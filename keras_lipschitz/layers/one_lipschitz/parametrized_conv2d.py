import dataclasses

import keras
from keras import ops

from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers._spatial import spatial_size
from keras_lipschitz.layers.linear_maps import convolution_map
from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    ParametrizedLayer,
)
from keras_lipschitz.ops.circular_convolution import CircularConvolutionMap
from keras_lipschitz.ops.circular_convolution import circular_convolution
from keras_lipschitz.ops.circular_convolution import circular_padding


class ParametrizedConv2D(ParametrizedLayer, keras.layers.Conv2D):
    """A `Conv2D` layer with a kernel that is computed: base class.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Integer or pair of integers.
        strides: Integer or pair of integers. Defaults to `1`.
        padding: `"valid"`, `"same"` or `"circular"`, which closes the image to
            a torus; strides then have to divide its size. Defaults to
            `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: Has to be `1`.
        groups: Integer, into how many parts the channels are split.
        activation: Activation function.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initializer of the raw weights. Defaults to
            `"orthogonal"`.
        **kwargs: As for `keras.layers.Conv2D`.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="orthogonal",
        **kwargs,
    ):
        circular = padding == "circular"
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding="same" if circular else padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            groups=groups,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )
        self.circular = circular
        if self.dilation_rate != (1, 1):
            raise ValueError(
                f"`dilation_rate` of {type(self).__name__} should be 1. "
                f"Received: dilation_rate={dilation_rate!r}"
            )

    def build(self, input_shape):
        axis = channel_axis(self.data_format)
        channels = input_shape[axis]
        self.input_spec = keras.InputSpec(ndim=4, axes={axis: channels})
        self.check_shape(input_shape, channels)
        self.build_weights(
            (*self.kernel_size, channels // self.groups, self.filters)
        )
        self.build_power_iterate(input_shape)

    def check_shape(self, input_shape, channels):
        if channels is None or channels % self.groups:
            raise ValueError(
                f"{type(self).__name__} splits channels into groups. Expected "
                f"a multiple of {self.groups} channels. Received: input shape "
                f"{tuple(input_shape)}"
            )
        if not self.circular:
            return
        size = spatial_size(input_shape, self.data_format)
        padding = circular_padding(self.kernel_size, self.strides)
        for n, s, widths in zip(size, self.strides, padding, strict=True):
            if n is None or n % s or max(widths) > n:
                raise ValueError(
                    f"padding='circular' of {type(self).__name__} needs images "
                    f"of a fixed size, a multiple of strides={self.strides} "
                    f"and not smaller than the padding, {padding}. Received: "
                    f"input shape {tuple(input_shape)}"
                )

    def call(self, inputs):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return self.activation(self.add_bias(self.convolve(inputs, kernel)))

    def convolve(self, inputs, kernel):
        """The convolution of images with a kernel, without bias."""
        if not self.circular:
            return self.convolution_op(inputs, kernel)
        return circular_convolution(
            inputs, kernel, self.strides, self.data_format
        )

    def add_bias(self, outputs):
        if self.bias is None:
            return outputs
        if self.data_format == "channels_last":
            return outputs + self.bias
        return outputs + ops.reshape(self.bias, (-1, 1, 1))

    def linear_map(self, input_shape):
        if not self.circular:
            linear_map = convolution_map(self, input_shape)
            return dataclasses.replace(linear_map, known_norm=self.known_norm)
        return CircularConvolutionMap(
            read_kernel=lambda: self.kernel,
            input_shape=tuple(input_shape[1:]),
            output_shape=tuple(self.compute_output_shape(input_shape)[1:]),
            known_norm=self.known_norm,
            strides=self.strides,
            groups=self.groups,
            data_format=self.data_format,
        )

    def get_config(self):
        config = super().get_config()
        return {**config, "padding": "circular"} if self.circular else config
