"""Entrywise functions in one pass over memory."""

import functools

import keras


def one_pass(function):
    """Lets a function of a few cheap operations run as one loop.

    Steps on TensorFlow that are not compiled write what each operation answers
    to memory and read it again. The function, and the function of its gradient,
    become one loop each; the gradient keeps the arguments alone and computes
    again what lies between. Other backends compile whole steps, or nothing, and
    get the function as it is.

    Args:
        function: Function from floating-point tensors to a tuple of tensors.

    Returns:
        A function of the same arguments and values, differentiable once.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    forward = tf.function(function, jit_compile=True, autograph=False)

    @tf.function(jit_compile=True, autograph=False)
    def backward(arguments, above):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            values = function(*arguments)
        return tape.gradient(values, arguments, output_gradients=above)

    @tf.custom_gradient
    def differentiable(*arguments):
        def gradient(*above):
            return backward(arguments, above)

        return forward(*arguments), gradient

    return functools.wraps(function)(differentiable)
