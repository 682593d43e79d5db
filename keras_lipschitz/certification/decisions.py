"""Decisions in float64 on the host, rounded against the user."""

import numpy as np


def certified_radius(logits, margin_constants):
    """The radius within which each prediction cannot change, rounded down.

    `min over i != j of (f_j - f_i) / K_ij` with `j = argmax f`. Zero for a tie
    and for logits that are not finite; infinite only where no class can move
    against the predicted one.

    Args:
        logits: Array `(samples, classes)`.
        margin_constants: Float64 array `(classes, classes)`.

    Returns:
        Float64 array `(samples,)`.
    """
    logits = np.asarray(logits, "float64")
    finite = np.isfinite(logits).all(axis=1)
    logits = np.where(finite[:, None], logits, 0.0)
    anchor = logits.argmax(axis=1)
    rates = margin_constants[anchor]
    margins = logits.max(axis=1, keepdims=True) - logits
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # One step down for the difference, one for the quotient.
        radii = np.nextafter(np.nextafter(margins, 0.0) / rates, 0.0)
    radii = np.where(rates == 0, np.where(margins > 0, np.inf, 0.0), radii)
    radii[np.arange(len(radii)), anchor] = np.inf
    return np.where(finite, radii.min(axis=1), 0.0)
