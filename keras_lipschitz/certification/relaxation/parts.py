"""Parts of a box: where units are on one side of zero."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """Parts of the box, and what was tried for each.

    Args:
        margin: Integer array `(parts,)`: the margin in question.
        lower: Array `(parts, units)`: what `z` is not less than in that part.
        upper: Likewise.
        side: Array of -1, 0 and 1: on which side of zero the part has `z`, or
            that it has both.
        slope: Array, from 0 to 1: of the lines below the units.
        multiplier: Array, not less than 0: of the sides.
    """

    margin: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    side: np.ndarray
    slope: np.ndarray
    multiplier: np.ndarray

    def __getitem__(self, chosen):
        return Parts(*(array[chosen] for array in self._arrays()))

    @property
    def bends(self):
        """Whether a unit can be on both sides: `(parts, units)`."""
        return (self.lower < 0.0) & (self.upper > 0.0)

    def halves(self, unit):
        """Two parts of each: where its unit is not negative, and not positive.

        Args:
            unit: Integer array `(parts,)`.
        """
        above, below = (self._on(side, unit)._arrays() for side in (1.0, -1.0))
        return Parts(*map(np.concatenate, zip(above, below, strict=True)))

    def _on(self, side, unit):
        rows = np.arange(len(unit))
        ends = {"lower": self.lower.copy(), "upper": self.upper.copy()}
        ends["lower" if side > 0.0 else "upper"][rows, unit] = 0.0
        sides = self.side.copy()
        sides[rows, unit] = side
        return dataclasses.replace(self, side=sides, **ends)

    def _arrays(self):
        fields = dataclasses.fields(self)
        return [getattr(self, field.name) for field in fields]
