"""Decisions without proof, for certificates that are estimates."""

import keras
import numpy as np
from keras import ops

from keras_lipschitz.certification.decisions.batches import batches
from keras_lipschitz.certification.decisions.radii import certified_radius

_BATCH_SIZE = 256


def estimated_radii(certificate, base, x, batch_size=None):
    """Classes as the network predicts them, and estimates of their radii.

    Args:
        certificate: A `Certificate` with margin constants.
        base: The network.
        x: Inputs, as for `keras.Model.predict`.
        batch_size: As for `keras.Model.predict`.

    Returns:
        Integer array and float64 array, `(samples,)`.
    """
    logits = base.predict(x, batch_size, verbose=0)
    radii = certified_radius(logits, certificate.margin_constants)
    return np.argmax(logits, axis=1), radii


def estimated_box_radii(bound, epsilon, x, batch_size=None):
    """The same, by interval arithmetic in the precision of the device.

    Args:
        bound: An attached `IntervalBound`.
        epsilon: Float, a radius to try first.
        x: Inputs, as for `keras.Model.predict`.
        batch_size: Integer, how many to evaluate at a time.

    Returns:
        Integer array and float64 array, `(samples,)`.
    """
    base = bound.graph.model
    dtype = keras.backend.standardize_dtype(base.inputs[0].dtype)
    labels, radii = [], []
    for batch in batches(x, batch_size or _BATCH_SIZE, base.inputs[0]):
        inputs = ops.convert_to_tensor(batch, dtype)
        logits = base(inputs, training=False)
        label = ops.convert_to_numpy(logits).argmax(axis=1)
        worst = bound.worst_margins(
            inputs, ops.convert_to_tensor(label, "int32"), epsilon
        )
        worst = ops.convert_to_numpy(worst).copy()
        worst[np.arange(len(label)), label] = -np.inf
        radius = ops.convert_to_numpy(bound.radius(logits, inputs=inputs))
        least = np.where((worst < 0).all(axis=1), np.nextafter(epsilon, 2), 0)
        labels.append(label)
        radii.append(np.maximum(radius.astype("float64"), least))
    if not labels:
        return np.zeros(0, "int64"), np.zeros(0)
    return np.concatenate(labels), np.concatenate(radii)
