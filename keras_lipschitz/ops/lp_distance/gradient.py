"""One custom gradient for three backends."""

import keras
from keras import ops


def with_gradient(forward, backward, keep):
    """A differentiable function of `(x, w, p)` from closed forms.

    Args:
        forward: Function of `(x, w, p, keep)` that returns `(y, kept)`.
        backward: Function of `(x, w, p, y, kept, g)` that returns the
            gradients to `x` and `w`.
        keep: Whether a gradient is expected. JAX knows by itself.

    Returns:
        Function of `(x, w, p)` that returns `y`, without gradient to `p`.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow(forward, backward, keep)
    if backend == "jax":
        return _jax(forward, backward)
    return _torch(forward, backward, keep)


def _tensorflow(forward, backward, keep):
    import tensorflow as tf

    @tf.custom_gradient
    def function(x, w, p):
        # Or TensorFlow differentiates `forward` too, for tapes around it.
        x, w, p = map(tf.stop_gradient, (x, w, p))
        y, kept = map(tf.stop_gradient, forward(x, w, p, keep))

        def gradient(g):
            return *backward(x, w, p, y, kept, g), None

        return y, gradient

    return function


def _jax(forward, backward):
    import jax

    @jax.custom_vjp
    def function(x, w, p):
        return forward(x, w, p, False)[0]

    def forward_and_keep(x, w, p):
        y, kept = forward(x, w, p, True)
        return y, (x, w, p, y, kept)

    def gradient(residuals, g):
        return *backward(*residuals, g), ops.zeros_like(residuals[2])

    function.defvjp(forward_and_keep, gradient)
    return function


def _torch(forward, backward, keep):
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, p):
            y, kept = forward(x, w, p, keep)
            ctx.save_for_backward(x, w, p, y, kept)
            return y

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            return *backward(*ctx.saved_tensors, g), None

    return Function.apply
