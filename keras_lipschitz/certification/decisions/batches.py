"""Inputs in whatever form `keras.Model.predict` takes, in batches."""

import keras
import numpy as np
from keras import ops


def batches(x, batch_size, inputs):
    """Yields the inputs in float64, batch by batch.

    Args:
        x: Array, tensor, `keras.utils.PyDataset`, or an iterable of batches
            (such as a `tf.data.Dataset`), with or without labels.
        batch_size: Integer, the largest batch to yield.
        inputs: The `KerasTensor` that the model reads: samples are rounded to
            its dtype first, and of its shape but for an axis of length 1 at
            the end, which Keras adds or takes away.

    Yields:
        Float64 arrays of at most `batch_size` samples.

    Raises:
        ValueError: Where samples are not of the model's shape.
    """
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    for batch in _loaded(x):
        with np.errstate(over="ignore"):
            batch = _shaped(np.asarray(batch), inputs.shape).astype(dtype)
        for start in range(0, len(batch), batch_size):
            yield batch[start : start + batch_size].astype("float64")


def _shaped(batch, shape):
    """The batch, of the shape that is expected."""
    shaped = batch
    if batch.ndim == len(shape) + 1 and batch.shape[-1] == 1:
        shaped = batch[..., 0]
    elif batch.ndim == len(shape) - 1 and shape[-1] == 1:
        shaped = batch[..., None]
    # What broadcasts would be certified as another input.
    if shaped.ndim == len(shape) and all(
        expected in (None, size)
        for expected, size in zip(shape[1:], shaped.shape[1:], strict=True)
    ):
        return shaped
    raise ValueError(
        f"Expected inputs of shape {tuple(shape)}. Received: inputs of shape "
        f"{batch.shape}"
    )


def _loaded(x):
    if isinstance(x, keras.utils.PyDataset):
        loaded = (x[i] for i in range(len(x)))
    elif hasattr(x, "shape") or isinstance(x, (list, tuple, dict)):
        # One input, in the structure that the model may give it.
        loaded = keras.tree.flatten(x)
        if len(loaded) != 1:
            raise ValueError(
                "Expected one array of inputs, or batches from a dataset. "
                f"Received: {len(loaded)} values of type {type(x).__name__}"
            )
    else:
        loaded = x
    for batch in loaded:
        inputs, *_ = keras.utils.unpack_x_y_sample_weight(batch)
        (inputs,) = keras.tree.flatten(inputs)
        yield ops.convert_to_numpy(inputs)
