import keras
from keras import ops

from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers._spatial import spatial_size
from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    ParametrizedLayer,
)
from keras_lipschitz.ops.circular_convolution import CircularConvolutionMap
from keras_lipschitz.ops.circular_convolution import circular_convolution
from keras_lipschitz.ops.circular_convolution import circular_padding
from keras_lipschitz.ops.linear_maps import ConvolutionMap


class ImageLayer(ParametrizedLayer, keras.layers.Conv2D):
    """A layer on images with a kernel that is computed: base class.

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
        parametrized: Whether the kernel is computed; else it is a weight that
            is not trained. Defaults to `True`.
        **kwargs: As for `keras.layers.Conv2D`.
    """

    # Whether `parametrize` takes kernels of grouped convolutions.
    allows_groups = False

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
        parametrized=True,
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
        self.parametrized = bool(parametrized)
        if self.dilation_rate != (1, 1):
            raise ValueError(
                f"`dilation_rate` of {type(self).__name__} should be 1. "
                f"Received: dilation_rate={dilation_rate!r}"
            )
        if groups != 1 and not self.allows_groups:
            raise ValueError(
                f"`groups` of {type(self).__name__} should be 1; "
                "AdaptiveOrthogonalConv2D takes others. Received: "
                f"groups={groups!r}"
            )

    def build(self, input_shape):
        axis = channel_axis(self.data_format)
        channels = input_shape[axis]
        self.input_spec = keras.InputSpec(ndim=4, axes={axis: channels})
        self.check_shape(input_shape, channels)

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

    def convolve(self, inputs, kernel):
        """The convolution of images with a kernel, without bias."""
        if self.circular:
            return circular_convolution(
                inputs, kernel, self.strides, self.data_format
            )
        return self.convolution_op(inputs, kernel)

    def add_bias(self, outputs):
        if self.bias is None:
            return outputs
        if self.data_format == "channels_last":
            return outputs + self.bias
        return outputs + ops.reshape(self.bias, (-1, 1, 1))

    def map_of(self, input_shape, output_shape):
        """The linear map of `convolve` with the kernel of the layer."""
        arguments = dict(
            read_kernel=lambda: self.kernel,
            input_shape=tuple(input_shape[1:]),
            output_shape=tuple(output_shape[1:]),
            known_norm=self.known_norm,
            strides=self.strides,
            groups=self.groups,
            data_format=self.data_format,
        )
        if self.circular:
            return CircularConvolutionMap(**arguments)
        return ConvolutionMap(
            padding=self.padding, dilation_rate=(1, 1), **arguments
        )

    def get_config(self):
        config = super().get_config()
        if self.circular:
            config["padding"] = "circular"
        if not self.parametrized:
            config["parametrized"] = False
        return config


def check_keeps_shape(layer):
    """Refuses arguments with which a layer changes the size of an image."""
    odd = all(size % 2 for size in layer.kernel_size)
    if not odd or layer.padding != "same" or layer.strides != (1, 1):
        raise ValueError(
            f"{type(layer).__name__} keeps the size of the image. Expected an "
            "odd `kernel_size`, `padding` 'same' or 'circular' and no strides. "
            f"Received: kernel_size={layer.kernel_size}, "
            f"padding={layer.padding!r}, strides={layer.strides}"
        )
