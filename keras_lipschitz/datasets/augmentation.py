"""Random changes of training images, as functions of a seed.

A step is called with a batch of float32 images in `[0, 1]`, channels last, and
with a seed of two integers: the same seed, the same result, so an interrupted
run that goes on sees the images that it would have seen. TensorFlow is needed
only when a step is called; without it, `on_arrays` does the same in NumPy, with
other random numbers.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class RandomFlip:
    """Mirrors every second image left to right."""

    def __call__(self, images, seed):
        import tensorflow as tf

        from keras_lipschitz.datasets import tensor_changes

        flip = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed)
        return tensor_changes.mirrored(images, flip)

    def on_arrays(self, images, rng):
        flip = rng.uniform(size=(len(images), 1, 1, 1))
        return np.where(flip < 0.5, images, images[:, :, ::-1])


@dataclasses.dataclass(frozen=True)
class RandomShift:
    """Moves each image by up to `pixels` each way; black comes in.

    Args:
        pixels: Integer.
        share: The share of the images that it is done to. Defaults to `1.0`.
    """

    pixels: int
    share: float = 1.0

    def __call__(self, images, seed):
        import tensorflow as tf

        from keras_lipschitz.datasets import tensor_changes

        offsets = tf.random.stateless_uniform(
            [2, tf.shape(images)[0], 1],
            seed,
            0,
            2 * self.pixels + 1,
            dtype=tf.int32,
        )
        if self.share < 1.0:
            chance = tf.random.stateless_uniform(
                tf.shape(offsets)[1:], tf.random.fold_in(tf.stack(seed), 1)
            )
            offsets = tf.where(chance < self.share, offsets, self.pixels)
        return tensor_changes.cropped(images, offsets, self.pixels)

    def on_arrays(self, images, rng):
        count, height, width, _ = images.shape
        p = self.pixels
        padded = np.pad(images, ((0, 0), (p, p), (p, p), (0, 0)))
        offsets = rng.integers(0, 2 * p + 1, (2, count, 1))
        if self.share < 1.0:
            chance = rng.uniform(size=offsets.shape[1:])
            offsets = np.where(chance < self.share, offsets, p)
        rows = offsets[0] + np.arange(height)
        columns = offsets[1] + np.arange(width)
        some = np.arange(count)[:, None, None]
        return padded[some, rows[:, :, None], columns[:, None, :]]


@dataclasses.dataclass(frozen=True)
class RandomAffine:
    """Turns, zooms and moves each image about its centre, bilinearly.

    Args:
        rotation: Largest angle, in radians.
        zoom: The image shows a part of side 1 down to `1 - zoom` enlarged.
        shift: Largest move, as a fraction of the side.
        shear: Largest shear angle, in radians.
    """

    rotation: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    shear: float = 0.0

    def __call__(self, images, seed):
        import tensorflow as tf

        shape = tf.shape(images)
        height, width = (tf.cast(shape[i], "float32") for i in (1, 2))
        draws = tf.random.stateless_uniform([5, shape[0]], seed, -1.0, 1.0)
        rows = self._transforms(draws, height, width, tf)
        zeros = tf.zeros_like(rows[0])
        return tf.ensure_shape(
            tf.raw_ops.ImageProjectiveTransformV3(
                images=images,
                transforms=tf.stack([*rows, zeros, zeros], axis=1),
                output_shape=shape[1:3],
                interpolation="BILINEAR",
                fill_mode="REFLECT",
                fill_value=0.0,
            ),
            images.shape,
        )

    def on_arrays(self, images, rng):
        count, height, width, _ = images.shape
        draws = rng.uniform(-1.0, 1.0, (5, count)).astype("float32")
        a, b, right, c, d, down = (
            row[:, None, None]
            for row in self._transforms(draws, height, width, np)
        )
        x = np.arange(width)[None, None, :]
        y = np.arange(height)[None, :, None]
        return _interpolated(
            images, c * x + d * y + down, a * x + b * y + right
        )

    def _transforms(self, draws, height, width, np_or_tf):
        """From output to input coordinates, about the centre: six rows."""
        sin, cos, tan = np_or_tf.sin, np_or_tf.cos, np_or_tf.tan
        angle = self.rotation * draws[0]
        side = 1.0 - self.zoom * (draws[1] + 1.0) / 2.0
        slope = tan(self.shear * draws[2])
        a, b = side * cos(angle), -side * sin(angle) + side * slope
        c, d = side * sin(angle), side * cos(angle)
        x, y = (width - 1.0) / 2.0, (height - 1.0) / 2.0
        right = x - a * x - b * y + self.shift * width * draws[3]
        down = y - c * x - d * y + self.shift * height * draws[4]
        return a, b, right, c, d, down


@dataclasses.dataclass(frozen=True)
class RandomContrast:
    """Scales the distance of each pixel from its image's mean.

    Args:
        lower: Smallest factor.
        upper: Largest factor.
    """

    lower: float
    upper: float

    def __call__(self, images, seed):
        return _blend(images, seed, self.lower, self.upper, axis=(1, 2))

    def on_arrays(self, images, rng):
        return _blended(images, rng, self.lower, self.upper, axis=(1, 2))


@dataclasses.dataclass(frozen=True)
class RandomSaturation:
    """Scales the distance of each pixel from its own grey.

    Args:
        lower: Smallest factor.
        upper: Largest factor.
    """

    lower: float
    upper: float

    def __call__(self, images, seed):
        return _blend(images, seed, self.lower, self.upper, axis=3)

    def on_arrays(self, images, rng):
        return _blended(images, rng, self.lower, self.upper, axis=3)


@dataclasses.dataclass(frozen=True)
class RandomNoise:
    """Adds normal noise to every pixel.

    Args:
        stddev: Its standard deviation.
    """

    stddev: float

    def __call__(self, images, seed):
        import tensorflow as tf

        from keras_lipschitz.datasets import tensor_changes

        # Their quantiles are drawn in half the time of normal numbers; that
        # of zero would be infinite.
        uniform = tf.random.stateless_uniform(
            tf.shape(images), seed, minval=2.0**-24
        )
        return tensor_changes.noisy(images, uniform, self.stddev)

    def on_arrays(self, images, rng):
        noise = rng.normal(0.0, self.stddev, images.shape)
        return np.clip(images + noise, 0.0, 1.0)


def _blend(images, seed, lower, upper, axis):
    import tensorflow as tf

    from keras_lipschitz.datasets import tensor_changes

    factor = tf.random.stateless_uniform(
        [tf.shape(images)[0], 1, 1, 1], seed, lower, upper
    )
    return tensor_changes.blended(images, factor, axis)


def _blended(images, rng, lower, upper, axis):
    factor = rng.uniform(lower, upper, (len(images), 1, 1, 1))
    grey = images.mean(axis=axis, keepdims=True)
    return np.clip(grey + factor * (images - grey), 0.0, 1.0)


def _interpolated(images, rows, columns):
    """Bilinear values at fractional positions; the outside is reflected."""
    some = np.arange(len(images))[:, None, None]
    top, left = np.floor(rows), np.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]

    def at(i, j):
        i = _reflected(i.astype("int64"), images.shape[1])
        j = _reflected(j.astype("int64"), images.shape[2])
        return images[some, i, j]

    above = at(top, left) * (1 - right) + at(top, left + 1) * right
    below = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return above * (1 - down) + below * down


def _reflected(index, size):
    index = index % (2 * size)
    return np.where(index < size, index, 2 * size - 1 - index)
