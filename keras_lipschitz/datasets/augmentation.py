"""Random changes of training images, as functions of a seed.

A step is called with a batch of float32 images in `[0, 1]`, channels last, and
with a seed of two integers: the same seed, the same result, so an interrupted
run that goes on sees the images that it would have seen. TensorFlow is needed
only when a step is called.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class RandomFlip:
    """Mirrors every second image left to right."""

    def __call__(self, images, seed):
        import tensorflow as tf

        flip = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed)
        return tf.where(flip < 0.5, images, images[:, :, ::-1])


@dataclasses.dataclass(frozen=True)
class RandomShift:
    """Moves each image by up to `pixels` each way; black comes in.

    Args:
        pixels: Integer.
    """

    pixels: int

    def __call__(self, images, seed):
        import tensorflow as tf

        shape = tf.shape(images)
        p = self.pixels
        padded = tf.pad(images, [[0, 0], [p, p], [p, p], [0, 0]])
        offsets = tf.random.stateless_uniform(
            [2, shape[0], 1], seed, 0, 2 * p + 1, dtype=tf.int32
        )
        rows = offsets[0] + tf.range(shape[1])[None]
        columns = offsets[1] + tf.range(shape[2])[None]
        padded = tf.gather(padded, rows, axis=1, batch_dims=1)
        moved = tf.gather(padded, columns, axis=2, batch_dims=1)
        return tf.ensure_shape(moved, images.shape)


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
        angle = self.rotation * draws[0]
        side = 1.0 - self.zoom * (draws[1] + 1.0) / 2.0
        slope = tf.tan(self.shear * draws[2])
        # Output coordinates to input coordinates, about the centre.
        a, b = side * tf.cos(angle), -side * tf.sin(angle) + side * slope
        c, d = side * tf.sin(angle), side * tf.cos(angle)
        x, y = (width - 1.0) / 2.0, (height - 1.0) / 2.0
        right = x - a * x - b * y + self.shift * width * draws[3]
        down = y - c * x - d * y + self.shift * height * draws[4]
        zeros = tf.zeros_like(a)
        return tf.ensure_shape(
            tf.raw_ops.ImageProjectiveTransformV3(
                images=images,
                transforms=tf.stack(
                    [a, b, right, c, d, down, zeros, zeros], axis=1
                ),
                output_shape=shape[1:3],
                interpolation="BILINEAR",
                fill_mode="REFLECT",
                fill_value=0.0,
            ),
            images.shape,
        )


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
        import tensorflow as tf

        mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)
        return _blend(images, mean, seed, self.lower, self.upper)


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
        import tensorflow as tf

        grey = tf.reduce_mean(images, axis=3, keepdims=True)
        return _blend(images, grey, seed, self.lower, self.upper)


@dataclasses.dataclass(frozen=True)
class RandomNoise:
    """Adds normal noise to every pixel.

    Args:
        stddev: Its standard deviation.
    """

    stddev: float

    def __call__(self, images, seed):
        import tensorflow as tf

        noise = tf.random.stateless_normal(
            tf.shape(images), seed, stddev=self.stddev
        )
        return tf.clip_by_value(images + noise, 0.0, 1.0)


def _blend(images, grey, seed, lower, upper):
    import tensorflow as tf

    factor = tf.random.stateless_uniform(
        [tf.shape(images)[0], 1, 1, 1], seed, lower, upper
    )
    return tf.clip_by_value(grey + factor * (images - grey), 0.0, 1.0)
