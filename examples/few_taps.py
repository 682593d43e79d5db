import math

import keras
from keras import ops


def few_taps(shape, taps, scale=0.02):
    """A kernel of which every unit reads few of its inputs, the others hardly.

    What tells inputs apart grows with the root of the sum of squared weights,
    boxes grow with the sum of weights: of `n` random ones by `sqrt(n)` more,
    anew in every layer. Boxes that begin so wide teach a deep network to answer
    nothing at all. Few weights that are not small keep both alike.

    Args:
        shape: Shape of the kernel, units last.
        taps: Integer, how many weights of a unit are not small: the first is 1,
            the others are 1/2 or -1/2, at places drawn for each unit.
        scale: Of all other weights, against those of He et al.

    Returns:
        Tensor of that shape.
    """
    inputs, units = math.prod(shape[:-1]), shape[-1]
    order = ops.argsort(keras.random.uniform((inputs, units)), axis=0)
    place = ops.argsort(order, axis=0)
    half = 0.5 * ops.sign(keras.random.uniform((inputs, units), -1.0, 1.0))
    small = scale * math.sqrt(2.0 / inputs)
    small = small * keras.random.truncated_normal((inputs, units))
    kernel = ops.where(place < taps, half, small)
    return ops.reshape(ops.where(place == 0, 1.0, kernel), shape)
