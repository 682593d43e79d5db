"""Gradients with respect to inputs, which `keras.ops` does not offer."""

import keras
import numpy as np


def value_and_gradient(function):
    """The values of a function of a batch, and the gradient of their sum.

    Args:
        function: From a tensor `(batch, ...)` and further tensors, written in
            `keras.ops`, to a tensor.

    Returns:
        A function from NumPy arrays to two NumPy arrays: the values, and the
        gradient with respect to the first argument.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _with_tensorflow(function)
    if backend == "jax":
        return _with_jax(function)
    if backend == "torch":
        return _with_torch(function)
    raise ValueError(
        "Gradients need the backend 'tensorflow', 'jax' or 'torch'. Received: "
        f"backend {backend!r}"
    )


def _with_tensorflow(function):
    import tensorflow as tf

    @tf.function
    def compiled(x, *others):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = function(x, *others)
        return values, tape.gradient(values, x)

    def call(*arrays):
        results = compiled(*(tf.convert_to_tensor(a) for a in arrays))
        return tuple(result.numpy() for result in results)

    return call


def _with_jax(function):
    import jax

    def total(x, *others):
        values = function(x, *others)
        return values.sum(), values

    compiled = jax.jit(jax.value_and_grad(total, has_aux=True))

    def call(*arrays):
        (_, values), gradient = compiled(*arrays)
        return np.asarray(values), np.asarray(gradient)

    return call


def _with_torch(function):
    from keras import ops

    def call(*arrays):
        x, *others = (ops.convert_to_tensor(array) for array in arrays)
        x = x.detach().requires_grad_(True)
        values = function(x, *others)
        values.sum().backward()
        return (
            ops.convert_to_numpy(values.detach()),
            ops.convert_to_numpy(x.grad),
        )

    return call
