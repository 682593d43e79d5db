"""Float64 on the CPU, whatever backend and device the model uses."""

import contextlib

import keras
from keras import ops


@contextlib.contextmanager
def float64_on_host():
    """Within it the backend computes eagerly, on the CPU, with float64."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(keras.device("cpu:0"))
        if keras.backend.backend() == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        if keras.backend.backend() == "torch":
            import torch

            stack.enter_context(torch.no_grad())
        yield


def constant(array):
    """An array as a float64 tensor."""
    return ops.convert_to_tensor(array, dtype="float64")
