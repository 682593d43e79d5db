"""The l_inf distance in differences and maxima alone, for exported models."""

import math
import sys

import keras
from keras import ops

# Inputs whose differences are held at once.
_CHUNK = 16


def is_exporting():
    """Whether Keras is tracing a model to export it."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()
    if backend != "tensorflow":
        return False
    # Exporters know fewer operations than TensorFlow, and do not look into
    # functions that are to be compiled. Keras tells nobody of them.
    import tensorflow as tf

    frame = None if tf.executing_eagerly() else sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("keras.src.export."):
            return True
        frame = frame.f_back
    return False


def largest(x, w, one_sided=False):
    """`max_i |x_bi - w_io|`, or `max_i max(x_bi - w_io, 0)`."""
    inputs, columns = w.shape
    chunk = min(_CHUNK, inputs)
    chunks = math.ceil(inputs / chunk)
    missing = chunks * chunk - inputs
    x = ops.pad(x, [(0, 0), (0, missing)])
    x = ops.reshape(x, (-1, chunks, chunk))
    w = ops.pad(w, [(0, missing), (0, 0)])
    w = ops.reshape(w, (chunks, chunk, columns))

    def step(k, best):
        difference = x[:, k, :, None] - w[k]
        size = difference if one_sided else ops.abs(difference)
        return ops.maximum(best, ops.max(size, axis=1))

    start = ops.zeros_like(x[:, 0, :1] * w[0, :1])
    return ops.fori_loop(0, chunks, step, start)
