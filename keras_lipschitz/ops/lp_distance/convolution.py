"""Distances of the patches of images to filters."""

from keras import ops

from keras_lipschitz.ops.lp_distance.arguments import check_filters
from keras_lipschitz.ops.lp_distance.arguments import is_infinite
from keras_lipschitz.ops.lp_distance.arguments import standardized
from keras_lipschitz.ops.lp_distance.dense import bounds_of
from keras_lipschitz.ops.lp_distance.distance import distance
from keras_lipschitz.ops.lp_distance.window import Window


def lp_distance_conv2d(
    x,
    w,
    p,
    strides=(1, 1),
    padding="valid",
    data_format="channels_last",
    *,
    training=False,
):
    """The l_p distance of each patch of an image to each filter.

    `lp_distance` of the patches that a convolution sees. They are cut out of a
    few images at a time, and again for the gradient.

    Args:
        x: Floating-point tensor of images, of known height and width.
        w: Tensor `(*kernel_size, channels, filters)`.
        p: As in `lp_distance`.
        strides: Integer or pair of them.
        padding: `"valid"`, or `"same"` for zeros around the image.
        data_format: `"channels_last"` or `"channels_first"`.
        training: As in `lp_distance`.

    Returns:
        Tensor of images, with a channel for each filter.
    """
    infinite = is_infinite(p)
    x, w, p = standardized(x, w, p)
    x = _channels_last(x, data_format)
    window = _window(x, w, strides, padding)
    y = distance(x, _matrix(w), p, infinite, training, window)
    return _images(y, window, data_format)


def linf_distance_bounds_conv2d(
    lower,
    upper,
    w,
    strides=(1, 1),
    padding="valid",
    data_format="channels_last",
    *,
    training=False,
):
    """`linf_distance_bounds` of the patches that a convolution sees.

    Args:
        lower: Tensor of images, of known height and width: lower corner of
            the box.
        upper: Tensor of the same shape: upper corner.
        w: Tensor `(*kernel_size, channels, filters)`.
        strides: Integer or pair of them.
        padding: `"valid"`, or `"same"` for zeros around the image.
        data_format: `"channels_last"` or `"channels_first"`.
        training: As in `lp_distance`.

    Returns:
        Pair of tensors of images, with a channel for each filter.
    """
    lower, upper, w = standardized(lower, upper, w)
    lower = _channels_last(lower, data_format)
    upper = _channels_last(upper, data_format)
    window = _window(lower, w, strides, padding)
    bounds = bounds_of(lower, upper, _matrix(w), training, window)
    return tuple(_images(y, window, data_format) for y in bounds)


def _channels_last(x, data_format):
    if data_format == "channels_first":
        return ops.transpose(x, (0, 2, 3, 1))
    return x


def _window(x, w, strides, padding):
    check_filters(x, w, padding)
    if isinstance(strides, int):
        strides = (strides, strides)
    return Window(
        tuple(x.shape[1:]), tuple(w.shape[:2]), tuple(strides), padding
    )


def _matrix(w):
    return ops.reshape(w, (-1, w.shape[-1]))


def _images(y, window, data_format):
    y = ops.reshape(y, (-1, *window.output_size, y.shape[-1]))
    if data_format == "channels_first":
        return ops.transpose(y, (0, 3, 1, 2))
    return y
