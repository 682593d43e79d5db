from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.parametrized_conv2d import (
    ParametrizedConv2D,
)
from keras_lipschitz.ops.orthogonal_convolution import factors
from keras_lipschitz.ops.orthogonal_convolution import orthogonal_convolution


@register
class AdaptiveOrthogonalConv2D(ParametrizedConv2D):
    """An orthogonal convolution with an explicit kernel, strides and groups.

    A block convolution (BCOP) followed by an orthogonal matrix on every patch
    of the size of the strides, joined to one kernel: inference costs one plain
    convolution. With `kernel_size == strides` only the matrix is left: an
    orthogonal embedding of patches (RKO).

    Orthogonal for any weights with `padding="circular"`, as long as the area
    of the strides divides the filters; with `"same"` and `"valid"` it is
    1-Lipschitz, but what is near the border is shortened.

    Args:
        filters: Integer, the channels of the output.
        kernel_size: Integer or pair of integers, not less than the strides.
        strides: Integer or pair of integers. Defaults to `1`.
        padding: `"valid"`, `"same"` or `"circular"`, which closes the image to
            a torus. Defaults to `"valid"`.
        *args: As for `keras.layers.Conv2D`, without dilation.
        **kwargs: Likewise.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        As of `keras.layers.Conv2D`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.AdaptiveOrthogonalConv2D(
    ...     8, 3, strides=2, padding="circular", use_bias=False)
    >>> y = layer(np.ones((1, 8, 8, 2), "float32"))
    >>> y = keras.ops.convert_to_numpy(y)
    >>> round(float(np.linalg.norm(y)), 3)
    11.314

    Reference:
        - [Boissin et al., An Adaptive Orthogonal Convolution Scheme for
          Efficient and Flexible CNN Architectures, ICML 2025](
          https://arxiv.org/abs/2501.07930)
    """

    allows_groups = True

    def __init__(self, filters, kernel_size, *args, **kwargs):
        super().__init__(filters, kernel_size, *args, **kwargs)
        if any(
            k < s for k, s in zip(self.kernel_size, self.strides, strict=True)
        ):
            raise ValueError(
                "`kernel_size` of AdaptiveOrthogonalConv2D should not be less "
                f"than the strides. Received: kernel_size={self.kernel_size}, "
                f"strides={self.strides}"
            )

    def raw_shapes(self, kernel_shape):
        inputs, filters = kernel_shape[-2], self.filters // self.groups
        area = self.strides[0] * self.strides[1]
        count = factors(self.kernel_size, self.strides)
        if not count:
            return {"patch": (self.groups, area * inputs, filters)}
        channels = max(inputs, -(-filters // area))
        rank = max(1, channels // 2)
        return {
            "frames": (self.groups, count, channels, rank),
            "patch": (self.groups, area * channels, filters),
        }

    def parametrize(self, *raw):
        frames, patch = raw if len(raw) == 2 else (None, *raw)
        inputs = self.kernel_shape[-2]
        return orthogonal_convolution(
            frames, patch, inputs, self.kernel_size, self.strides
        )
