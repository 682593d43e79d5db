"""Inputs in whatever form `keras.Model.predict` takes, in batches."""

import keras
import numpy as np
from keras import ops


def batches(x, batch_size, dtype):
    """Yields the inputs in float64, batch by batch.

    Args:
        x: Array, tensor, `keras.utils.PyDataset`, or an iterable of batches
            (such as a `tf.data.Dataset`), with or without labels.
        batch_size: Integer, the largest batch to yield.
        dtype: String, what the model reads: inputs are rounded to it first.

    Yields:
        Float64 arrays of at most `batch_size` samples.
    """
    for batch in _loaded(x):
        with np.errstate(over="ignore"):
            batch = np.asarray(batch).astype(dtype)
        for start in range(0, len(batch), batch_size):
            yield batch[start : start + batch_size].astype("float64")


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
