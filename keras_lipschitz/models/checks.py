"""What is checked before anything is computed."""

import inspect

import keras
import numpy as np
from keras import ops

from keras_lipschitz._numbers import is_amount
from keras_lipschitz.bounds.global_lipschitz import GlobalLipschitz
from keras_lipschitz.propagation.norms import check_norm


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


def check_reads_logits(loss):
    """Refuses losses of Keras that would read logits as probabilities."""
    for given in keras.tree.flatten(loss):
        if not _reads_logits(given):
            raise ValueError(
                "Expected a loss of logits. Received: "
                f"{getattr(given, 'name', given)!r}, which reads "
                "probabilities. Give 'gloro_crossentropy', or a loss of Keras "
                "with `from_logits=True`, as in "
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
            )


def _reads_logits(loss):
    if isinstance(loss, str):
        if loss.lower() in ("ce", "crossentropy"):
            return False
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            # Keras says what is wrong with it.
            return True
    if isinstance(loss, keras.losses.Loss) or not callable(loss):
        return getattr(loss, "from_logits", True)
    argument = inspect.signature(loss).parameters.get("from_logits")
    return argument is None or bool(argument.default)


def check_image(input_shape):
    """Refuses what is not the shape of one image."""
    if len(input_shape) != 3 or not all(
        isinstance(size, int) and size > 0 for size in input_shape
    ):
        raise ValueError(
            "`input_shape` should be (height, width, channels), all positive "
            f"integers. Received: input_shape={input_shape!r}"
        )


def choice(name, value, choices):
    """What an argument stands for, or a `ValueError`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` should be one of {sorted(choices)}. Received: "
            f"{name}={value!r}"
        )
    return choices[value]


def chosen_bound(bound, norm):
    """The bound that was given, or the global one of a norm."""
    if bound is None:
        return GlobalLipschitz(norm=2 if norm is None else norm)
    if norm is not None and check_norm(norm) != bound.norm:
        raise ValueError(
            "Expected `norm` to be that of `bound`. Received: norm="
            f"{norm!r} and a {type(bound).__name__} with norm={bound.norm!r}"
        )
    return bound


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
