from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._spatial import check_fixed_size
from keras_lipschitz.layers._spatial import spatial_size
from keras_lipschitz.layers.one_lipschitz.arguments import check_rank_ratio
from keras_lipschitz.layers.one_lipschitz.downsampling_conv2d import (
    DownsamplingConv2D,
)
from keras_lipschitz.ops.activations import activation_constant
from keras_lipschitz.ops.frequencies import apply_frequency_matrices
from keras_lipschitz.ops.frequencies import frequency_matrices
from keras_lipschitz.ops.linear_maps import BlockDenseMap
from keras_lipschitz.ops.orthogonal import block_reflector


@register
class BROConv2D(DownsamplingConv2D):
    """A block reflector convolution: a reflection of every frequency.

    For every frequency of the image the channels are reflected,
    `I - 2 V (V^* V)^-1 V^*` with `V` the spectrum of a kernel. Orthogonal with
    `padding="circular"`; with `"same"` the image is padded by zeros and cut to
    size again. The filter that results is as large as the image, so the layer
    is bound to the size that it was built on.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Odd integer or pair of them, of the kernel whose spectrum
            is reflected. Defaults to `3`.
        strides: Integer or pair of integers that divide the size of the image:
            blocks of that size become channels first. Defaults to `1`.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        rank_ratio: Number between 0 and 1: columns of `V` as a share of its
            rows. Defaults to `0.5`.
        **kwargs: As for `keras.layers.Conv2D`.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        `(batch, height / strides, width / strides, filters)` with
        `"channels_last"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.BROConv2D(
    ...     4, padding="circular", use_bias=False)
    >>> y = layer(np.ones((1, 8, 8, 4), "float32"))
    >>> y = keras.ops.convert_to_numpy(y)
    >>> round(float(np.linalg.norm(y)), 3)
    16.0

    Reference:
        - [Lai et al., Enhancing Certified Robustness via Block Reflector
          Orthogonal Layers and Logit Annealing Loss, ICML 2025](
          https://arxiv.org/abs/2505.15174)
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        strides=(1, 1),
        padding="same",
        rank_ratio=0.5,
        **kwargs,
    ):
        super().__init__(filters, kernel_size, strides, padding, **kwargs)
        self.rank_ratio = check_rank_ratio(self, rank_ratio)

    def check_shape(self, input_shape, channels):
        check_fixed_size(type(self).__name__, input_shape, self.data_format)
        super().check_shape(input_shape, channels)
        inner = spatial_size(self.inner_shape(input_shape), self.data_format)
        self.borders = tuple(
            0 if self.circular else k // 2 for k in self.kernel_size
        )
        self.torus = tuple(
            n + 2 * b for n, b in zip(inner, self.borders, strict=True)
        )

    def raw_shapes(self, kernel_shape):
        rank = max(1, round(self.rank_ratio * self.width))
        return {"frame": (*kernel_shape[:-1], rank)}

    def computed_shape(self):
        rows, columns = self.torus
        frequencies = rows * (columns // 2 + 1)
        return (frequencies, 2 * self.width, 2 * self.width)

    def parametrize(self, frame):
        return block_reflector(frequency_matrices(frame, self.torus))

    def transform(self, inputs):
        first = self.data_format == "channels_first"
        x = ops.moveaxis(inputs, 1, -1) if first else inputs
        kernel = self.kernel
        widths = [(0, 0), *((b, b) for b in self.borders), (0, 0)]
        x = ops.pad(ops.cast(x, kernel.dtype), widths)
        x = apply_frequency_matrices(kernel, x)
        rows, columns = (
            slice(b, n - b)
            for n, b in zip(self.torus, self.borders, strict=True)
        )
        x = ops.cast(x[:, rows, columns], self.compute_dtype)
        return ops.moveaxis(x, -1, 1) if first else x

    def inner_map(self, input_shape):
        rows, columns = self.torus
        shape = (rows * (columns // 2 + 1), 2 * self.width)
        return BlockDenseMap(
            lambda: self.kernel, shape, shape, known_norm=self.known_norm
        )

    def constant_of_norm(self, norm):
        return norm * activation_constant(self.activation)

    def get_config(self):
        return {**super().get_config(), "rank_ratio": self.rank_ratio}
