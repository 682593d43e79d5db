"""The patches of images that a convolution sees."""

import dataclasses
import math

from keras import ops

from keras_lipschitz.ops.adjoint import adjoint


@dataclasses.dataclass(frozen=True)
class Window:
    """A window that moves over images, channels last.

    Args:
        image_shape: Height, width and channels of an image.
        kernel_size: Pair of integers.
        strides: Pair of integers.
        padding: `"valid"`, or `"same"` for zeros around the image.
    """

    image_shape: tuple
    kernel_size: tuple
    strides: tuple
    padding: str

    @property
    def output_size(self):
        """How many patches there are, down and to the right."""
        sizes = zip(
            self.image_shape, self.kernel_size, self.strides, strict=False
        )
        if self.padding == "same":
            return tuple(math.ceil(n / s) for n, _, s in sizes)
        return tuple((n - k) // s + 1 for n, k, s in sizes)

    @property
    def positions(self):
        """How many patches an image has."""
        return math.prod(self.output_size)

    def patches(self, x):
        """All patches of a batch, `(patches, kernel area * channels)`."""
        x = ops.pad(x, [(0, 0), *self._margins(), (0, 0)])
        reach = [
            (n - 1) * s + 1
            for n, s in zip(self.output_size, self.strides, strict=True)
        ]
        down, right = self.strides
        height, width = self.kernel_size
        taps = [
            x[:, i : i + reach[0] : down, j : j + reach[1] : right]
            for i in range(height)
            for j in range(width)
        ]
        joined = ops.concatenate(taps, axis=-1)
        return ops.reshape(joined, (-1, joined.shape[-1]))

    def patches_adjoint(self, patches):
        """Adds patches up where they were cut out."""
        batch = patches.shape[0] // self.positions
        return adjoint(self.patches, (batch, *self.image_shape), patches)

    def _margins(self):
        margins = []
        for n, k, s, count in zip(
            self.image_shape,
            self.kernel_size,
            self.strides,
            self.output_size,
            strict=False,
        ):
            missing = max((count - 1) * s + k - n, 0)
            margins.append((missing // 2, missing - missing // 2))
        return margins
