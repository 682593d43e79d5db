"""Convolutions of images that are closed to a torus."""

import dataclasses

from keras import ops

from keras_lipschitz.ops.linear_maps import LinearMap


def circular_padding(size, strides):
    """How many pixels a circular convolution reads beyond each border.

    Args:
        size: Pair of integers, the size of the kernel.
        strides: Pair of integers.

    Returns:
        Tuple of pairs `(before, after)`, as of `"same"`.
    """
    totals = [max(k - s, 0) for k, s in zip(size, strides, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def wrap(x, padding, data_format):
    """Continues a batch of images beyond their borders, from the other side."""
    first = 1 if data_format == "channels_last" else 2
    for axis, (before, after) in enumerate(padding, start=first):
        n = x.shape[axis]
        parts = [
            _slice(x, axis, n - before, n),
            x,
            _slice(x, axis, 0, after),
        ]
        x = ops.concatenate(parts, axis=axis)
    return x


def circular_convolution(x, kernel, strides, data_format):
    """The convolution of a batch of images that are closed to a torus."""
    padding = circular_padding(kernel.shape[:2], strides)
    return ops.conv(
        wrap(x, padding, data_format),
        kernel,
        strides=list(strides),
        padding="valid",
        data_format=data_format,
    )


def _slice(x, axis, start, stop):
    return x[(slice(None),) * axis + (slice(start, stop),)]


@dataclasses.dataclass(frozen=True, eq=False)
class CircularConvolutionMap(LinearMap):
    """A convolution of images that are closed to a torus.

    `kernel` has shape `(height, width, inputs / groups, filters)`. The strides
    divide the size of the images.
    """

    strides: tuple
    groups: int
    data_format: str

    @property
    def spatial_shape(self):
        if self.data_format == "channels_last":
            return self.input_shape[:-1]
        return self.input_shape[1:]

    def apply(self, x, kernel):
        return circular_convolution(x, kernel, self.strides, self.data_format)
