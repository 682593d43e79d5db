"""Decisions without proof, by estimates of local norms."""

import numpy as np
from keras import ops

from keras_lipschitz.certification.decisions.batches import batches
from keras_lipschitz.certification.decisions.radii import certified_radius

_BATCH = 256


def estimated_local_radii(certificate, bound, epsilon, x, batch_size=None):
    """Classes as the network predicts them, and estimates of their radii.

    Args:
        certificate: A `Certificate` with margin constants.
        bound: The attached `LocalLipschitz`.
        epsilon: Float, the radius that is asked for.
        x: Inputs, as for `keras.Model.predict`.
        batch_size: Integer, how many to evaluate at a time.

    Returns:
        Integer array and float64 array, `(samples,)`: the radius by the
        certificate, or a little more than `epsilon` where local norms give it.
    """
    norms = bound.certified_norms(certificate)
    base, above = bound.graph.model, np.nextafter(epsilon, np.inf)
    labels, radii = [np.zeros(0, "int64")], [np.zeros(0)]
    for batch in batches(x, batch_size or _BATCH, base.inputs[0]):
        logits = ops.convert_to_numpy(base(batch)).astype("float64")
        label = logits.argmax(axis=1)
        slack = bound.estimated_slack(label, float(above), batch, norms)
        reached = logits + ops.convert_to_numpy(slack)
        reached[np.arange(len(label)), label] = -np.inf
        local = reached.max(axis=1) < logits.max(axis=1)
        radius = certified_radius(logits, certificate.margin_constants)
        labels.append(label)
        radii.append(np.where(local, np.maximum(radius, above), radius))
    return np.concatenate(labels), np.concatenate(radii)
