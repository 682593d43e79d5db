"""Distances of the patches of images to filters."""

import math

from keras import ops

from keras_lipschitz.ops.lp_distance.dense import linf_distance_bounds
from keras_lipschitz.ops.lp_distance.dense import lp_distance


def lp_distance_conv2d(
    x,
    w,
    p,
    strides=(1, 1),
    padding="valid",
    data_format="channels_last",
    *,
    training=False,
    deterministic=False,
):
    """The l_p distance of each patch of an image to each filter.

    `lp_distance` of the patches that a convolution sees; `"same"` pads with
    zeros, as Keras does.

    Args:
        x: Floating-point tensor of images, of known height and width.
        w: Tensor `(*kernel_size, channels, filters)`.
        p: As in `lp_distance`.
        strides: Integer or pair of them.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        training: As in `lp_distance`.
        deterministic: As in `lp_distance`.

    Returns:
        Tensor of images, with a channel for each filter.
    """
    rows = patches(x, w, strides, padding, data_format)
    y = lp_distance(
        rows,
        ops.reshape(w, (-1, w.shape[-1])),
        p,
        training=training,
        deterministic=deterministic,
    )
    return _as(data_format, y)


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
        lower: Tensor of images: lower corner of the box.
        upper: Tensor of images: upper corner.
        w: Tensor `(*kernel_size, channels, filters)`.
        strides: Integer or pair of them.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        training: As in `lp_distance`.

    Returns:
        Pair of tensors of images, with a channel for each filter.
    """
    bounds = linf_distance_bounds(
        patches(lower, w, strides, padding, data_format),
        patches(upper, w, strides, padding, data_format),
        ops.reshape(w, (-1, w.shape[-1])),
        training=training,
    )
    return tuple(_as(data_format, y) for y in bounds)


def patches(x, w, strides, padding, data_format):
    """Patches `(batch, height, width, kernel area * channels)`."""
    if data_format == "channels_first":
        x = ops.transpose(x, (0, 2, 3, 1))
    strides = (strides, strides) if isinstance(strides, int) else strides
    sizes = []
    margins = [(0, 0)]
    for size, kernel, stride in zip(
        x.shape[1:3], w.shape[:2], strides, strict=True
    ):
        if padding == "same":
            out = math.ceil(size / stride)
            extra = max((out - 1) * stride + kernel - size, 0)
            margins.append((extra // 2, extra - extra // 2))
        else:
            out = (size - kernel) // stride + 1
            margins.append((0, 0))
        sizes.append((out - 1) * stride + 1)
    x = ops.pad(x, [*margins, (0, 0)])
    (rows, columns), (down, right) = sizes, strides
    taps = [
        x[:, i : i + rows : down, j : j + columns : right]
        for i in range(w.shape[0])
        for j in range(w.shape[1])
    ]
    return ops.concatenate(taps, axis=-1)


def _as(data_format, y):
    if data_format == "channels_first":
        return ops.transpose(y, (0, 3, 1, 2))
    return y
