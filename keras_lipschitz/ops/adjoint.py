"""The exact adjoint of a linear function, on every backend."""

import keras
from keras import ops


def adjoint(linear, shape, y):
    """Applies the adjoint of a linear function: `A^T y` for `linear(x) = A x`.

    The adjoint is the one that the backend itself uses to back-propagate
    through `linear`, so strides, padding, dilation, groups and data format are
    right by construction.

    Args:
        linear: A linear function of one float32 tensor.
        shape: Shape of the argument of `linear`, batch included.
        y: Tensor of the shape of `linear`'s result.

    Returns:
        A tensor of shape `shape`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        x = tf.zeros(shape, "float32")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            z = linear(x)
        return tape.gradient(z, x, output_gradients=y)
    if keras.backend.backend() == "jax":
        import jax

        (x,) = jax.linear_transpose(
            linear, jax.ShapeDtypeStruct(shape, "float32")
        )(y)
        return x
    import torch

    _, pull_back = torch.func.vjp(linear, ops.zeros(shape, "float32"))
    return pull_back(y)[0]
