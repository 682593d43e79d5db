import math

from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._arguments import check_count
from keras_lipschitz.layers._arguments import check_pair
from keras_lipschitz.layers._spatial import channel_axis
from keras_lipschitz.layers._spatial import check_data_format
from keras_lipschitz.layers._spatial import check_rank
from keras_lipschitz.layers._spatial import spatial_size
from keras_lipschitz.layers.linf_dist_layer import LInfDistLayer
from keras_lipschitz.ops.lp_distance import lp_distance_conv2d
from keras_lipschitz.ops.rounding import root_up


@register
class LInfDistConv2D(LInfDistLayer):
    """Distances of patches from learned patches, in the l_inf norm.

    What `LInfDist` does to a vector this layer does to each patch that a
    convolution sees: it is 1-Lipschitz in the l_inf norm, whatever its
    weights. Zeros around the image, with `padding="same"`, are part of the
    patch.

    The `p` below only concerns training: at inference it is always infinite.

    Args:
        filters: Integer, how many points.
        kernel_size: Integer or pair of integers, the size of a patch.
        strides: Integer or pair of integers. Defaults to `1`.
        padding: `"valid"` or `"same"`. Defaults to `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to
            `keras.config.image_data_format()`.
        p: Number, 1 or more, or `math.inf`: the norm in training, which
            `PNormAnnealing` moves. Defaults to `math.inf`.
        use_bias: Whether to add a bias to the distances. Defaults to `False`.
        identity: As for `LInfDist`; units look at the centre of the patch.
            Defaults to `10.0`.
        kernel_initializer: As for `LInfDist`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`; height and
        width have to be known.

    Output shape:
        `(batch, new_height, new_width, filters)` with `"channels_last"`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.LInfDistConv2D(4, 3, strides=2)
    >>> layer(np.ones((1, 8, 8, 1), "float32")).shape
    (1, 3, 3, 4)

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, ICML 2021](
          https://arxiv.org/abs/2102.05363)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        p=math.inf,
        **kwargs,
    ):
        super().__init__(p=p, **kwargs)
        if padding not in ("valid", "same"):
            raise ValueError(
                "`padding` of LInfDistConv2D should be 'valid' or 'same'. "
                f"Received: padding={padding!r}"
            )
        self.filters = check_count(self, "filters", filters)
        self.kernel_size = check_pair(self, "kernel_size", kernel_size)
        self.strides = check_pair(self, "strides", strides)
        self.padding = padding
        self.data_format = check_data_format("LInfDistConv2D", data_format)

    def build(self, input_shape):
        check_rank("LInfDistConv2D", input_shape)
        sizes = spatial_size(input_shape, self.data_format)
        channels = input_shape[channel_axis(self.data_format)]
        fits = None not in (*sizes, channels) and (
            self.padding == "same"
            or all(k <= n for k, n in zip(self.kernel_size, sizes, strict=True))
        )
        if not fits:
            raise ValueError(
                "Expected images of known size for LInfDistConv2D, no smaller "
                f"than its kernel of size {self.kernel_size}. Received: input "
                f"shape {tuple(input_shape)} in format {self.data_format!r}"
            )
        centre = tuple(k // 2 for k in self.kernel_size)
        self.build_weights((*self.kernel_size, channels, self.filters), centre)

    def call(self, inputs, training=False):
        y = lp_distance_conv2d(
            inputs,
            self.kernel,
            self.norm_at(training),
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            training=training,
        )
        return ops.cast(self.with_bias(y), self.compute_dtype)

    @property
    def channel_axis(self):
        return channel_axis(self.data_format)

    def compute_output_shape(self, input_shape):
        sizes = [
            -(-n // s) if self.padding == "same" else (n - k) // s + 1
            for n, k, s in zip(
                spatial_size(input_shape, self.data_format),
                self.kernel_size,
                self.strides,
                strict=True,
            )
        ]
        if self.data_format == "channels_last":
            return (input_shape[0], *sizes, self.filters)
        return (input_shape[0], self.filters, *sizes)

    def lipschitz_constant(self):
        # So many patches share an input at most, and all filters may look.
        overlap = math.prod(
            -(-k // s)
            for k, s in zip(self.kernel_size, self.strides, strict=True)
        )
        return root_up(overlap * self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }
