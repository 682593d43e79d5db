"""What layers with learned thresholds share."""

import keras


def threshold_shape(input_shape, axis, per_neuron):
    """The shape of a threshold that broadcasts to a batch of inputs.

    Args:
        input_shape: Shape of the input, with the batch.
        axis: Integer, the channel axis.
        per_neuron: Whether every entry has a threshold of its own, and not
            every channel.

    Returns:
        A tuple, without the batch.
    """
    axis = axis % len(input_shape)
    sizes = [
        size if per_neuron or i == axis else 1
        for i, size in enumerate(input_shape)
    ]
    if axis == 0 or None in sizes[1:]:
        what = "all sizes" if per_neuron else f"the size of axis {axis}"
        raise ValueError(
            f"Thresholds need {what} of the input, other than the batch. "
            f"Received: input shape {tuple(input_shape)}"
        )
    return tuple(sizes[1:])


def serialized(**objects):
    """The configuration of initializers, regularizers and constraints."""
    return {
        name: keras.saving.serialize_keras_object(value)
        for name, value in objects.items()
    }
