"""How a value goes from one end to the other."""

import math

SHAPES = ("constant", "linear", "logarithmic", "cosine", "exponential")


def interpolate(start, end, t, shape):
    """The value at `t`, between 0 and 1, on the way from `start` to `end`.

    Args:
        start: Number, the value at `t = 0`.
        end: Number, the value at `t = 1`.
        t: Number from 0 to 1.
        shape: `"constant"` (always `end`), `"linear"`, `"logarithmic"` (fast,
            then slower), `"cosine"` (slow at both ends), or `"exponential"`
            (by equal factors; both ends positive).

    Returns:
        A number; exactly `end` for `t = 1`.
    """
    if shape == "constant" or t == 1.0:
        return end
    if shape == "exponential":
        return start * (end / start) ** t
    if shape == "logarithmic":
        t = math.log1p((math.e - 1.0) * t)
    elif shape == "cosine":
        t = 0.5 * (1.0 - math.cos(math.pi * t))
    return start + (end - start) * t
