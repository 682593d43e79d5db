"""Slopes and multipliers that prove much."""

import dataclasses

import numpy as np

# The first step of the descent, and each one against the one before. Slopes are
# from 0 to 1; multipliers are measured by the mean coefficient of a unit.
_LENGTH, _SHORTER = 0.3, 0.9


def improved(relaxation, parts, steps):
    """Looks for slopes and multipliers that lower the bounds.

    Args:
        relaxation: A `Relaxation`.
        parts: `Parts`.
        steps: Integer, how often to go downhill at most.

    Returns:
        The lowest value found for each part, the parts with the slopes and
        multipliers that gave it, and whether a point was met on the way that
        speaks against one of the margins.
    """
    best, kept, descent = np.full(len(parts.margin), np.inf), parts, _Descent()
    for _ in range(steps + 1):
        bound = relaxation.bound(parts)
        better = (bound.value < best)[:, None]
        best = np.minimum(best, bound.value)
        kept = dataclasses.replace(
            parts,
            slope=np.where(better, parts.slope, kept.slope),
            multiplier=np.where(better, parts.multiplier, kept.multiplier),
        )
        if relaxation.refutes(bound, parts):
            return best, kept, True
        if (best < 0.0).all() or not bound.passed.size:
            break
        parts = descent.step(parts, bound, relaxation.replaced(bound))
    return best, kept, False


class _Descent:
    """Goes downhill, at first in long steps, for each part by itself."""

    def __init__(self):
        self.length = _LENGTH
        self.means, self.squares = [0.0, 0.0], [0.0, 0.0]

    def step(self, parts, bound, z):
        """Parts with other slopes and multipliers.

        Args:
            parts: `Parts`.
            bound: Their `Bound`.
            z: What `Relaxation.replaced` makes of it.
        """
        # The bound is attained at a point, and changes as it does there.
        slopes = self._way(0, np.where(bound.passed < 0.0, bound.passed * z, 0))
        multipliers = self._way(1, parts.side * z)
        unit = np.abs(bound.passed).mean(axis=1, keepdims=True)
        parts = dataclasses.replace(
            parts,
            slope=np.clip(parts.slope - self.length * slopes, 0.0, 1.0),
            multiplier=np.maximum(
                parts.multiplier - self.length * unit * multipliers, 0.0
            ),
        )
        self.length *= _SHORTER
        return parts

    def _way(self, i, gradient):
        """The gradient, smooth and of size one, as Adam has it."""
        self.means[i] = 0.7 * self.means[i] + 0.3 * gradient
        self.squares[i] = 0.9 * self.squares[i] + 0.1 * gradient**2
        return self.means[i] / (np.sqrt(self.squares[i]) + 1e-30)
