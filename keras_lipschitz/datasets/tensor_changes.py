"""What the steps of `augmentation` do to tensors, given their random numbers.

XLA makes each a pass over the pixels, several times faster on a CPU than the
same operations one by one. Random numbers come from outside: XLA's generator is
far slower there than TensorFlow's. Needs TensorFlow.
"""

import tensorflow as tf

_compiled = tf.function(jit_compile=True)


@_compiled
def mirrored(images, flip):
    """The images whose `flip` is a half or more, left to right."""
    return tf.where(flip < 0.5, images, images[:, :, ::-1])


@_compiled
def cropped(images, offsets, pixels):
    """The window at `offsets` of each image with black `pixels` around it."""
    shape = tf.shape(images)
    border = [pixels, pixels]
    padded = tf.pad(images, [[0, 0], border, border, [0, 0]])
    rows = offsets[0] + tf.range(shape[1])
    columns = offsets[1] + tf.range(shape[2])
    padded = tf.gather(padded, rows, axis=1, batch_dims=1)
    window = tf.gather(padded, columns, axis=2, batch_dims=1)
    return tf.ensure_shape(window, images.shape)


@_compiled
def blended(images, factor, axis):
    """Each image's distance from its mean over `axis`, scaled."""
    grey = tf.reduce_mean(images, axis=axis, keepdims=True)
    return tf.clip_by_value(grey + factor * (images - grey), 0.0, 1.0)


@_compiled
def noisy(images, uniform, stddev):
    """With the normal quantiles of `uniform` added."""
    noise = stddev * tf.math.ndtri(uniform)
    return tf.clip_by_value(images + noise, 0.0, 1.0)
