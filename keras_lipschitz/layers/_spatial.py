"""What layers on images share: their arguments and their axes."""

import keras
import numpy as np


def check_data_format(layer, data_format):
    """`data_format`, or Keras' default where it is `None`."""
    if data_format is None:
        return keras.config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"`data_format` of {layer} should be 'channels_last' or "
            f"'channels_first'. Received: data_format={data_format!r}"
        )
    return data_format


def check_pool_size(layer, pool_size):
    """`pool_size` as a pair of positive integers."""
    pair = (pool_size, pool_size) if isinstance(pool_size, int) else pool_size
    if (
        isinstance(pair, (tuple, list))
        and len(pair) == 2
        and all(isinstance(n, int) and n > 0 for n in pair)
    ):
        return tuple(pair)
    raise ValueError(
        f"`pool_size` of {layer} should be a positive integer or a pair of "
        f"them. Received: pool_size={pool_size!r}"
    )


def spatial_axes(data_format):
    """The axes of height and width."""
    return (1, 2) if data_format == "channels_last" else (2, 3)


def channel_axis(data_format):
    return 3 if data_format == "channels_last" else 1


def spatial_size(shape, data_format):
    """Height and width of a shape with the batch."""
    return tuple(shape[axis] for axis in spatial_axes(data_format))


def check_rank(layer, shape):
    """Refuses what is not a batch of images."""
    if len(shape) != 4:
        raise ValueError(
            f"{layer} works on images. Expected an input of rank 4, the batch "
            f"included. Received: input shape {tuple(shape)}"
        )


def check_fixed_size(layer, shape, data_format):
    """Refuses images whose size is not known."""
    if None in spatial_size(shape, data_format):
        raise ValueError(
            f"The constant of {layer} depends on the size of its input. "
            "Expected an input shape with a fixed height and width. "
            f"Received: input shape {tuple(shape)}"
        )


def root_down(n):
    """The square root of a whole number, never rounded up in float32."""
    root = np.float32(np.sqrt(n))
    # The square of a float32 is exact in float64.
    above = float(root) ** 2 > n
    return float(np.nextafter(root, np.float32(0)) if above else root)
