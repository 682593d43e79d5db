import math

import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.parametrized_conv2d import (
    ParametrizedConv2D,
)


@register
class LinearResidualConv2D(ParametrizedConv2D):
    """The linear residual convolution of LiResNet: `x + scale * gamma * W x`.

    Identity and convolution are merged into one kernel. Its norm is what
    counts, far below `1 + ||W||`; it is not bounded by construction, but
    known, and follows the weights.

    Args:
        filters: Integer, the channels of input and output.
        kernel_size: Integer or pair of integers. Defaults to `3`.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        scale: Number that multiplies the residual. The paper takes
            `depth ** -0.5`, with the number of these layers in the network.
            Defaults to `1.0`.
        kernel_initializer: Initializer of `W`. Defaults to a normal
            distribution of the deviation `1 / (area of the kernel * filters)`.
        **kwargs: As for `keras.layers.Conv2D`, without strides and groups.

    Input shape:
        `(batch, height, width, filters)` with `"channels_last"`.

    Output shape:
        The same.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.LinearResidualConv2D(
    ...     2, kernel_initializer="zeros")
    >>> y = layer(np.ones((1, 8, 8, 2), "float32"))
    >>> round(float(layer.lipschitz_constant()), 4)
    1.0

    Reference:
        - [Hu et al., Unlocking Deterministic Robustness Certification on
          ImageNet, NeurIPS 2023](https://arxiv.org/abs/2301.12549)
    """

    known_norm = None

    def __init__(
        self,
        filters,
        kernel_size=3,
        padding="same",
        scale=1.0,
        kernel_initializer=None,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            padding=padding,
            kernel_initializer=kernel_initializer or "zeros",
            **kwargs,
        )
        if kernel_initializer is None:
            fan_in = math.prod(self.kernel_size) * filters
            self.kernel_initializer = keras.initializers.RandomNormal(
                stddev=1.0 / fan_in
            )
        self.scale = float(scale)

    def check_shape(self, input_shape, channels):
        super().check_shape(input_shape, channels)
        if (
            channels != self.filters
            or self.strides != (1, 1)
            or self.padding != "same"
        ):
            raise ValueError(
                "LinearResidualConv2D adds its input to its output, which need "
                "to be of one shape: as many filters as channels, no strides, "
                "padding 'same' or 'circular'. Received: input shape "
                f"{tuple(input_shape)}, filters={self.filters}, "
                f"strides={self.strides}, padding={self.padding!r}"
            )

    def raw_shapes(self, kernel_shape):
        return {"raw_kernel": kernel_shape, "gamma": kernel_shape[-1:]}

    def raw_initializer(self, name):
        if name == "gamma":
            return keras.initializers.Ones()
        return super().raw_initializer(name)

    def parametrize(self, raw, gamma):
        identity = ops.eye(self.filters, dtype=raw.dtype)
        # The tap that reads the pixel itself.
        widths = [((k - 1) // 2, k // 2) for k in self.kernel_size]
        identity = ops.pad(identity[None, None], (*widths, (0, 0), (0, 0)))
        return identity + self.scale * gamma * raw

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
