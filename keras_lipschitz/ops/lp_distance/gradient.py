"""One custom gradient for three backends."""

import keras
from keras import ops


def with_gradient(forward, backward):
    """A differentiable function of `(x, w, p)` from closed forms.

    Args:
        forward: Function of `(x, w, p)` that returns `(y, kept)`.
        backward: Function of `(x, w, p, y, kept, g)` that returns the
            gradients to `x` and `w`.

    Returns:
        Function of `(x, w, p)` that returns `y`, without gradient to `p`.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow(forward, backward)
    if backend == "jax":
        return _jax(forward, backward)
    return _torch(forward, backward)


def _tensorflow(forward, backward):
    import tensorflow as tf

    @tf.custom_gradient
    def function(x, w, p):
        y, kept = forward(x, w, p)

        def gradient(g):
            return *backward(x, w, p, y, kept, g), None

        return y, gradient

    return function


def _jax(forward, backward):
    import jax

    @jax.custom_vjp
    def function(x, w, p):
        return forward(x, w, p)[0]

    def forward_and_keep(x, w, p):
        y, kept = forward(x, w, p)
        return y, (x, w, p, y, kept)

    def gradient(residuals, g):
        p = residuals[2]
        return *backward(*residuals, g), ops.zeros_like(p)

    function.defvjp(forward_and_keep, gradient)
    return function


def _torch(forward, backward):
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, p):
            y, kept = forward(x, w, p)
            ctx.save_for_backward(x, w, p, y, kept)
            return y

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            return *backward(*ctx.saved_tensors, g), None

    return Function.apply
