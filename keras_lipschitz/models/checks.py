"""What is checked before anything is computed."""

import keras
import numpy as np
from keras import ops

from keras_lipschitz._numbers import is_amount


def check_epsilon(value, name="epsilon"):
    """A radius as a float, or a `ValueError` that says what is wrong."""
    if not is_amount(value):
        raise ValueError(
            f"`{name}` should be a finite number, zero or more, in units of "
            f"the model's input. Received: {name}={value!r}"
        )
    return float(value)


def check_finite(model):
    """Refuses NaN and infinite weights by name."""
    for variable in model.weights:
        if not np.isfinite(ops.convert_to_numpy(variable)).all():
            raise ValueError(
                "Expected finite weights. Received: NaN or infinity in "
                f"{variable.path!r} of model {model.name!r}"
            )


def check_labels(labels, classes):
    """Refuses labels that are not classes, where they can be looked at.

    Args:
        labels: What was given as `y`: an array, or anything else, which is
            left to the loss (whose value is NaN for an unknown label).
        classes: Integer, the number of classes.
    """
    if not isinstance(labels, (np.ndarray, list, tuple)):
        return
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == classes:
        return
    if labels.ndim > 2 or (labels.ndim == 2 and labels.shape[1] != 1):
        raise ValueError(
            "Expected labels of shape (samples,), (samples, 1) or (samples, "
            f"{classes}). Received: labels of shape {labels.shape}"
        )
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(
            f"Expected labels from 0 to {classes - 1}. Received: labels from "
            f"{labels.min()} to {labels.max()}"
        )


def is_concrete(x):
    """Whether a tensor holds values, outside any traced or stateless code."""
    # Keras exports no way to ask for its stateless scope.
    from keras.src.backend.common.stateless_scope import in_stateless_scope

    if in_stateless_scope() or isinstance(x, keras.KerasTensor):
        return False
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.executing_eagerly()
    if backend == "jax":
        import jax

        return not isinstance(x, jax.core.Tracer)
    if backend == "torch":
        import torch

        return not torch.compiler.is_compiling()
    return True
