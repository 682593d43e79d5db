"""Schedules from their definitions: one value for every batch of a run."""

import math

CURVES = {
    "linear": lambda a, b, t: a * (1 - t) + b * t,
    "cosine": lambda a, b, t: a + (b - a) * math.sin(math.pi * t / 2) ** 2,
    "exponential": lambda a, b, t: math.exp(
        math.log(a) * (1 - t) + math.log(b) * t
    ),
    "logarithmic": lambda a, b, t: a + (b - a) * math.log(1 - t + t * math.e),
    "constant": lambda a, b, t: b,
}


def values(start, end, shape, begin_at, reached_at, batches):
    """The values of all batches of a run."""
    listed = []
    for batch in range(batches):
        progress = batch / (batches - 1) if batches > 1 else 1.0
        if progress >= reached_at:
            listed.append(end)
        elif progress <= begin_at:
            listed.append(end if shape == "constant" else start)
        else:
            t = (progress - begin_at) / (reached_at - begin_at)
            listed.append(CURVES[shape](start, end, t))
    return listed
