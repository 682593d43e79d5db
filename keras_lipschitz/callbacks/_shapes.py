"""Curves from 0 to 1 on the unit interval, and how values follow them."""

import math


def logarithmic(t):
    """Fast at first, then slower."""
    return math.log1p((math.e - 1.0) * t)


def cosine(t):
    """Slow at both ends."""
    return 0.5 * (1.0 - math.cos(math.pi * t))


SHAPES = ("constant", "linear", "logarithmic", "cosine", "exponential")


def interpolate(start, end, t, shape):
    """The value at `t` in [0, 1] on the way from `start` to `end`.

    Args:
        start: Number, the value at `t = 0`.
        end: Number, the value at `t = 1`.
        t: Number; outside of [0, 1] the nearer end counts.
        shape: `"constant"` (always `end`), `"linear"`, `"logarithmic"`,
            `"cosine"`, or `"exponential"` (by equal factors; both ends
            positive).

    Returns:
        A float; exactly `end` for `t >= 1`.
    """
    if shape == "constant" or t >= 1.0:
        return float(end)
    if t <= 0.0:
        return float(start)
    if shape == "exponential":
        return start * (end / start) ** t
    curve = {"logarithmic": logarithmic, "cosine": cosine}.get(shape)
    return start + (end - start) * (curve(t) if curve else t)
