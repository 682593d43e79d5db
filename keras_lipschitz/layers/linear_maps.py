"""The linear maps of Keras' own layers."""

from keras_lipschitz.ops.linear_maps import ConvolutionMap
from keras_lipschitz.ops.linear_maps import DenseMap
from keras_lipschitz.ops.linear_maps import DepthwiseConvolutionMap


def dense_map(layer, input_shape):
    """`Dense` acts on the last axis alone, so its norm is the matrix's."""
    return DenseMap(lambda: layer.kernel, (input_shape[-1],), (layer.units,))


def _convolution_arguments(layer, input_shape):
    return dict(
        read_kernel=lambda: layer.kernel,
        input_shape=tuple(input_shape[1:]),
        output_shape=tuple(layer.compute_output_shape(input_shape)[1:]),
        strides=tuple(layer.strides),
        padding=layer.padding,
        dilation_rate=tuple(layer.dilation_rate),
        data_format=layer.data_format,
    )


def convolution_map(layer, input_shape):
    """The map of `Conv1D`, `Conv2D`, `Conv3D`."""
    return ConvolutionMap(
        groups=layer.groups, **_convolution_arguments(layer, input_shape)
    )


def depthwise_convolution_map(layer, input_shape):
    """The map of `DepthwiseConv1D`, `DepthwiseConv2D`."""
    channel_axis = -1 if layer.data_format == "channels_last" else 1
    return DepthwiseConvolutionMap(
        groups=input_shape[channel_axis],
        **_convolution_arguments(layer, input_shape),
    )
