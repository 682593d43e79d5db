import keras
import numpy as np
from keras import ops


def differentiable(f):
    """A compiled function of arrays `(g, *x)`: `f(*x)` and the gradients of
    `sum(g * f(*x))` to all of `x`.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function(autograph=False)
        def compiled(g, *x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(*x)
            return y, tape.gradient(y, x, output_gradients=g)

    elif backend == "jax":
        import jax

        @jax.jit
        def compiled(g, *x):
            y, pull_back = jax.vjp(f, *x)
            return y, pull_back(g)

    else:
        import torch

        def compiled(g, *x):
            x = [a.requires_grad_() for a in x]
            y = f(*x)
            return y, torch.autograd.grad(y, x, g, allow_unused=True)

    def run(*arrays):
        y, gradients = compiled(*map(ops.convert_to_tensor, arrays))
        return ops.convert_to_numpy(y), [
            None if g is None else ops.convert_to_numpy(g) for g in gradients
        ]

    return run


def relative_error(value, expected):
    """The largest error, relative to the largest entry."""
    return np.abs(value - expected).max() / np.abs(expected).max()
