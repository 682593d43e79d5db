"""Proofs that margins stay negative in a box, by taking the box apart."""

import numpy as np

from keras_lipschitz.certification.relaxation.descent import improved
from keras_lipschitz.certification.relaxation.relaxation import Relaxation

# How often to go downhill, for the whole box and for parts of it.
_FIRST_STEPS, _STEPS = 40, 12
# How many parts to look at together.
_TOGETHER = 64


def margins_are_negative(network, branches):
    """Whether all margins are negative in the whole box, proved.

    Where the relaxation does not say so of a part, the part is cut in two: in
    one the unit with the largest gap has `z >= 0`, in the other `z <= 0`.

    Args:
        network: A `ReducedNetwork`.
        branches: Integer, how many parts to look at, at most.

    Returns:
        Boolean: `False` where a point of the box speaks against it, or too many
        parts are left.
    """
    relaxation = Relaxation(network)
    parts, looked_at, steps = relaxation.start(), 0, _FIRST_STEPS
    waiting = []
    while True:
        value, parts, refuted = improved(relaxation, parts, steps)
        if refuted:
            return False
        looked_at += len(value)
        left = ~(value < 0.0)
        if left.any():
            halves = _cut(relaxation, parts[left])
            if halves is None:
                return False
            waiting.append(halves)
        if not waiting:
            return True
        if looked_at + sum(len(parts.margin) for parts in waiting) > branches:
            return False
        parts, steps = _next(waiting), _STEPS


def _next(waiting):
    parts = waiting.pop()
    if len(parts.margin) > _TOGETHER:
        waiting.append(parts[_TOGETHER:])
    return parts[:_TOGETHER]


def _cut(relaxation, parts):
    """Two parts of each, or `None` where there is nothing left to cut."""
    if not parts.bends.any(axis=1).all():
        return None
    bound = relaxation.bound(parts)
    z = relaxation.replaced(bound)
    gap = bound.passed * (bound.slope * z + bound.shift - np.maximum(z, 0.0))
    return parts.halves(np.where(parts.bends, gap, -np.inf).argmax(axis=1))
