"""Decisions without proof, for certificates that are estimates."""

import numpy as np

from keras_lipschitz.certification.decisions.radii import certified_radius


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
