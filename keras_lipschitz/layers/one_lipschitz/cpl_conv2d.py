from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._spatial import check_fixed_size
from keras_lipschitz.layers._spatial import spatial_size
from keras_lipschitz.layers.one_lipschitz.arguments import check_positive
from keras_lipschitz.layers.one_lipschitz.norm_division import NormDivision
from keras_lipschitz.layers.one_lipschitz.residual_conv2d import ResidualConv2D
from keras_lipschitz.ops.frequencies import frequency_matrices
from keras_lipschitz.ops.spectral_rescaling import output_factors


@register
class CPLConv2D(NormDivision, ResidualConv2D):
    """A convex potential layer on images: a residual block.

    `CPLDense` with convolutions for `V^T` and `V`. The bound of the norm is
    taken over the frequencies of a torus that holds the padded image.

    Args:
        filters: Integer, the channels of what is inside.
        kernel_size: Odd integer or pair of them. Defaults to `3`.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        iterations: Positive integer, as for `CPLDense`. Defaults to `6`.
        **kwargs: As for `keras.layers.Conv2D`, without strides and groups.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`; the size has
        to be fixed.

    Output shape:
        The same.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.CPLConv2D(8)
    >>> layer(np.ones((1, 6, 6, 4), "float32")).shape
    (1, 6, 6, 4)
    >>> layer.lipschitz_constant()
    1.0

    Reference:
        - [Meunier et al., A Dynamical System Perspective for Lipschitz Neural
          Networks, ICML 2022](https://arxiv.org/abs/2110.12690)
    """

    def __init__(self, filters, kernel_size=3, *args, iterations=6, **kwargs):
        super().__init__(filters, kernel_size, *args, **kwargs)
        self.iterations = check_positive(self, iterations=iterations)

    def check_shape(self, input_shape, channels):
        check_fixed_size(type(self).__name__, input_shape, self.data_format)
        super().check_shape(input_shape, channels)
        size = spatial_size(input_shape, self.data_format)
        # Zeros that the taps beyond one border reach, and no pixel.
        self.torus = tuple(
            n if self.circular else n + k // 2
            for n, k in zip(size, self.kernel_size, strict=True)
        )

    def parametrize(self, raw):
        inputs, outputs = raw.shape[2:]
        matrices = frequency_matrices(raw, self.torus)
        if inputs < outputs:
            matrices = ops.swapaxes(matrices, -1, -2)
        return raw * ops.min(output_factors(matrices, self.iterations))

    def get_config(self):
        return {**super().get_config(), "iterations": self.iterations}
