"""Which network a certificate speaks of."""

import hashlib
import json

import keras
import numpy as np
from keras import ops

from keras_lipschitz.layers.power_iterate import PowerIterate

# What a layer's configuration says beside what it computes.
_IRRELEVANT = ("name", "trainable", "dtype", "seed", "shared_object_id")
_IRRELEVANT_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def fingerprint_of(base, graph):
    """SHA-256 of everything that decides what a network computes.

    Its weights, bit by bit, and its layers, with their arguments and how they
    are connected: equal weights behind another stride, or another `Rescaling`,
    are another network.

    Args:
        base: A built Keras model.
        graph: Its `Graph`.

    Returns:
        A hexadecimal string.
    """
    vectors = {
        id(layer.vector)
        for layer in base._flatten_layers()
        if isinstance(layer, PowerIterate)
    }
    weights = [
        ops.convert_to_numpy(v) for v in base.weights if id(v) not in vectors
    ]
    return fingerprint(weights, _architecture(graph))


def fingerprint(arrays, text=""):
    """SHA-256 of the values, shapes and order of arrays, and of a text.

    Args:
        arrays: Iterable of arrays.
        text: String.

    Returns:
        A hexadecimal string.
    """
    digest = hashlib.sha256(text.encode())
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.view(np.uint8) if array.ndim else array.tobytes())
    return digest.hexdigest()


def _architecture(graph):
    steps = [
        (
            type(step.layer).__name__,
            _computing(keras.saving.serialize_keras_object(step.layer)),
            step.inputs,
            step.outputs,
            step.input_shapes,
        )
        for step in graph.steps
        if not isinstance(step.layer, keras.layers.InputLayer)
    ]
    return json.dumps([steps, graph.output], sort_keys=True, default=str)


def _computing(config):
    """The part of a configuration that decides what is computed."""
    if isinstance(config, dict):
        return {
            key: _computing(value)
            for key, value in config.items()
            if key not in _IRRELEVANT and not key.endswith(_IRRELEVANT_ENDINGS)
        }
    if isinstance(config, (list, tuple)):
        return [_computing(value) for value in config]
    return config
