import keras
import numpy as np
from keras import ops


def value_and_gradient(f, x):
    """`f(x)` and the gradient of its sum, compiled where that is quick."""
    x = np.asarray(x, "float32")
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def compiled(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                values = f(x)
            return values, tape.gradient(values, x)

        values, gradient = compiled(tf.constant(x))
    elif backend == "jax":
        import jax

        values = jax.jit(f)(x)
        gradient = jax.jit(jax.grad(lambda x: f(x).sum()))(x)
    else:
        import torch

        x = torch.tensor(x, requires_grad=True)
        values = f(x)
        (gradient,) = torch.autograd.grad(values.sum(), x)
    return ops.convert_to_numpy(values), ops.convert_to_numpy(gradient)
