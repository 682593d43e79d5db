"""What a network is, within one box."""

import dataclasses

import numpy as np
from scipy import sparse


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Affine functions of the open features and units, one a row.

    Each of them is the function that it stands for up to `error`, for every
    input in the box and in every arithmetic in question.

    Args:
        features: Sparse array `(rows, features)` of coefficients.
        units: Sparse array `(rows, units)`, of what the units pass on.
        constant: Array `(rows,)`.
        error: Array `(rows,)`.
    """

    features: sparse.csr_array
    units: sparse.csr_array
    constant: np.ndarray
    error: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class ReducedNetwork:
    """The margins of a network, for the inputs in one box.

    Most ReLUs do not bend within a small box, and most pixels are saturated by
    what compares them. What is left are some features, known functions of one
    number each, and some units, `max(z, 0)` of affine functions `z` of the
    features and of units before them.

    Args:
        values: Array `(features, candidates)`: the values of each feature where
            a sum of functions of its number can be largest. Features of one
            number follow one another.
        starts: Integer array: where the features of each number begin.
        layers: Tuple of slices: units that do not read one another, in order.
        preactivations: The `Rows` of the `z` of all units.
        lower: Array `(units,)`: what `z` is not less than.
        upper: Array `(units,)`.
        margins: The `Rows` of the margins in question.
        reaches: Whether all features are functions of the input, so that any
            values of theirs come from one in the box.
    """

    values: np.ndarray
    starts: np.ndarray
    layers: tuple
    preactivations: Rows
    lower: np.ndarray
    upper: np.ndarray
    margins: Rows
    reaches: bool
