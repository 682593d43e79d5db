"""What is checked of every step of a graph."""

import contextlib
import inspect

import keras

from keras_lipschitz.propagation.registry import cannot_bound


@contextlib.contextmanager
def naming(step):
    """Says in an error which layer it is about, nested models included."""
    try:
        yield
    except ValueError as error:
        if repr(step.name) in str(error):
            raise
        raise ValueError(f"Layer {step.name!r}: {error}") from error


def check_arithmetic(step):
    """Refuses layers that round: a rounded value jumps."""
    layer = step.layer
    quantised = getattr(layer, "quantization_mode", None)
    dtype = getattr(layer, "compute_dtype", "float32")
    if quantised or not keras.backend.is_float_dtype(dtype):
        raise ValueError(
            f"Layer {step.name!r} computes in {quantised or dtype}: it rounds "
            "its input, so a small step can make a large one. Expected "
            "floating-point arithmetic."
        )
    if getattr(layer, "lora_enabled", False):
        raise ValueError(
            f"The kernel of layer {step.name!r} is a sum of its own and a LoRA "
            "product, which no certificate covers. Saving merges the two: load "
            "the saved weights into a model without LoRA."
        )


def check_inputs(step, rule):
    """Refuses a layer that reads more or fewer tensors than its rule."""
    try:
        inspect.signature(rule).bind(step.layer, *step.inputs)
    except TypeError:
        raise cannot_bound(
            step.layer,
            f"it reads {len(step.inputs)} tensors here, and its rule is for "
            "another number of them.",
        ) from None


def check_size(step, linear_map):
    if None in linear_map.input_shape or None in linear_map.output_shape:
        raise ValueError(
            f"The Lipschitz constant of layer {step.name!r} depends on the "
            "size of its input. Expected a fixed input size. Received: input "
            f"shape {step.input_shapes[0]}"
        )
