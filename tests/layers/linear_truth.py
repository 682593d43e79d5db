"""The explicit matrix of a layer, and gradients, on every backend."""

import keras
import numpy as np
from keras import ops


def matrix_of(layer, input_shape):
    """The matrix of a layer without bias, by pushing the identity through.

    Args:
        layer: A layer that is linear.
        input_shape: Shape of its input, without the batch.

    Returns:
        Float64 array `(outputs, inputs)`.
    """
    size = int(np.prod(input_shape))
    identity = np.eye(size, dtype="float32").reshape(size, *input_shape)
    columns = ops.convert_to_numpy(layer(ops.convert_to_tensor(identity)))
    return columns.reshape(size, -1).T.astype("float64")


def gradient_in_variable(function, variable):
    """The gradient of a scalar function without arguments."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = function()
        gradient = tape.gradient(value, variable.value)
    elif backend == "jax":
        import jax

        def at(value):
            with keras.StatelessScope(state_mapping=[(variable, value)]):
                return function()

        gradient = jax.grad(at)(variable.value)
    else:
        import torch

        (gradient,) = torch.autograd.grad(function(), variable.value)
    return ops.convert_to_numpy(gradient)


def gradient_in_input(function, x, upstream):
    """`J^T upstream` for the Jacobian `J` of a function at `x`."""
    variable = keras.Variable(x, dtype=keras.backend.standardize_dtype(x.dtype))
    upstream = ops.convert_to_tensor(upstream)

    def inner_product():
        y = function(ops.convert_to_tensor(variable))
        return ops.sum(y * upstream)

    return gradient_in_variable(inner_product, variable)
