"""Radii in float64 on the host, rounded against the user."""

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
    none = np.zeros((*logits.shape, 2))
    return proven_radius(logits, margin_constants, none[..., 0], none)


def proven_radius(logits, margin_constants, rounding, deviation):
    """The certified radius where logits are not exact.

    The largest `epsilon` for which, for all `i` but `j = argmax f`,

        (f_j - f_i) - rounding_i > epsilon K_ij + d_i + epsilon d'_i.

    Args:
        logits: Array `(samples, classes)`.
        margin_constants: Float64 array `(classes, classes)`.
        rounding: Array `(samples, classes)`, how far the margin of each class
            against the largest may be from the exact one.
        deviation: Array `(samples, classes, 2)`, `d` and `d'`: how far the
            margin may be from the exact one where the network is deployed, at
            any input at most `epsilon` away.

    Returns:
        Float64 array `(samples,)`.
    """
    logits = np.asarray(logits, "float64")
    finite = np.isfinite(logits).all(axis=1)
    logits = np.where(finite[:, None], logits, 0.0)
    anchor = logits.argmax(axis=1)
    room = _down(logits.max(axis=1, keepdims=True) - logits)
    room = _down(_down(room - rounding) - deviation[..., 0])
    rates = _up(margin_constants[anchor] + deviation[..., 1])
    radii = radius_within(room, rates)
    radii[np.arange(len(radii)), anchor] = np.inf
    return np.where(finite, radii.min(axis=1), 0.0)


def radius_within(room, rate):
    """The largest radius with `rate * radius < room`, rounded down.

    Args:
        room: Array, what there is; none where it is not positive.
        rate: Array of numbers not less than zero.

    Returns:
        Array of radii: zero where there is no room, or a NaN; infinite where
        nothing is used up.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        radius = np.nextafter(np.nextafter(room / rate, 0.0), 0.0)
    radius = np.where(rate == 0, np.inf, radius)
    return np.where((room > 0) & (rate >= 0), radius, 0.0)


def _down(x):
    return np.nextafter(x, -np.inf)


def _up(x):
    """Rounded up; what is zero is exactly so."""
    return np.where(x == 0, x, np.nextafter(x, np.inf))
