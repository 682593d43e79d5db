"""What rules ask of shapes."""

from keras_lipschitz.propagation.registry import cannot_bound


def spatial_sizes(layer, x):
    """The sizes of the spatial axes of `x`, which have to be known."""
    last = layer.data_format == "channels_last"
    return fixed_sizes(layer, x.shape[1:-1] if last else x.shape[2:])


def fixed_sizes(layer, shape):
    """`shape`, which has to be known."""
    if None in shape:
        raise cannot_bound(
            layer,
            "it depends on the size of the input. Expected a fixed size. "
            f"Received: {tuple(shape)}",
        )
    return tuple(shape)
