from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.arguments import check_positive
from keras_lipschitz.layers.one_lipschitz.downsampling_conv2d import (
    DownsamplingConv2D,
)
from keras_lipschitz.ops.activations import activation_constant
from keras_lipschitz.ops.skew_convolution import skew_kernel
from keras_lipschitz.ops.skew_convolution import truncated_exponential
from keras_lipschitz.ops.skew_convolution import truncated_exponential_norm


@register
class SOCConv2D(DownsamplingConv2D):
    """A skew-orthogonal convolution: the exponential of a skew one.

    Orthogonal with zero padding too, right up to the border, where input and
    output have the same size. It costs `terms` convolutions, in training and
    inference alike. With 3, 4, 7, 8, 11 or 12 terms the norm is at most one,
    exactly; the smallest singular value is above `1 - 1 / (terms + 1)!`.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Odd integer or pair of them. Defaults to `3`.
        strides: Integer or pair of integers that divide the size of the image:
            blocks of that size become channels first. Defaults to `1`.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        terms: Positive integer, of the Taylor series. Defaults to `8`.
        iterations: Positive integer, of the spectral rescaling that bounds the
            skew convolution. Defaults to `2`.
        **kwargs: As for `keras.layers.Conv2D`.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        `(batch, height / strides, width / strides, filters)` with
        `"channels_last"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.SOCConv2D(4, use_bias=False)
    >>> y = layer(np.ones((1, 8, 8, 4), "float32"))
    >>> y = keras.ops.convert_to_numpy(y)
    >>> round(float(np.linalg.norm(y)), 3)
    16.0

    Reference:
        - [Singla and Feizi, Skew Orthogonal Convolutions, ICML 2021](
          https://arxiv.org/abs/2105.11417)
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        strides=(1, 1),
        padding="same",
        terms=8,
        iterations=2,
        **kwargs,
    ):
        super().__init__(filters, kernel_size, strides, padding, **kwargs)
        self.terms = check_positive(self, terms=terms)
        self.iterations = check_positive(self, iterations=iterations)

    def parametrize(self, raw):
        return skew_kernel(raw, self.iterations)

    def transform(self, inputs):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return truncated_exponential(
            lambda x: self.convolve(x, kernel), inputs, self.terms
        )

    def inner_map(self, input_shape):
        shape = self.inner_shape(input_shape, self.width)
        return self.map_of(shape, shape)

    def constant_of_norm(self, norm):
        norm = truncated_exponential_norm(norm, self.terms)
        return norm * activation_constant(self.activation)

    def get_config(self):
        return {
            **super().get_config(),
            "terms": self.terms,
            "iterations": self.iterations,
        }
