"""Stacks of block matrices with few different blocks, and their Grams."""

import collections
import dataclasses
import functools

import numpy as np

from keras_lipschitz.certification.rounding import gamma


@dataclasses.dataclass(frozen=True, eq=False)
class Stack:
    """Block matrices of equal layout, each of them a sum of placed taps.

    Matrix `q` has the block `taps[t, q]` at every place of tap `t` and zero
    elsewhere.

    Args:
        taps: Array `(taps, matrices, m, n)`, real or complex.
        places: Tuple of lists of pairs `(row, column)`, one list for every
            tap. No place occurs twice.
    """

    taps: np.ndarray
    places: tuple = (((0, 0),),)

    @property
    def rows(self):
        return 1 + max(row for places in self.places for row, _ in places)

    @property
    def columns(self):
        return 1 + max(column for places in self.places for _, column in places)

    def adjoint(self):
        return Stack(
            self.taps.conj().swapaxes(-1, -2),
            tuple([(c, r) for r, c in places] for places in self.places),
        )

    def smaller(self):
        """This stack or its adjoint, whichever has the smaller Gram."""
        _, _, m, n = self.taps.shape
        if self.columns * n < self.rows * m:
            return self.adjoint()
        return self

    def squared_frobenius_bounds(self):
        """Upper bounds of the squared Frobenius norms, `(matrices,)`."""
        squares = np.stack([squared_norms(tap) for tap in self.taps])
        counts = np.array([[len(places)] for places in self.places])
        terms = 2 * self.taps[0, 0].size + len(self.taps) + 2
        return (counts * squares).sum(axis=0) * (1 + 2 * gamma(terms))


class Gram:
    """The blocks of `T T^*` on and below the diagonal, for a `Stack` of `T`.

    Args:
        stack: A `Stack`.
    """

    def __init__(self, stack):
        self.stack = stack
        self.rows = stack.rows
        self.size = stack.taps.shape[-2]
        self.pairs = common_places(stack.places)
        self.bandwidth = max(i - j for i, j in self.pairs)
        self._block = functools.cache(self._sum)

    def block(self, i, j):
        """Block row `i`, column `j <= i`: array `(matrices, size, size)`."""
        return self._block(self.pairs.get((i, j), ()), i == j)

    def _sum(self, pairs, diagonal):
        taps = self.stack.taps
        shape = taps.shape[1], self.size, self.size
        total = np.zeros(shape, taps.dtype)
        for left, right in pairs:
            total += taps[left] @ taps[right].conj().swapaxes(-1, -2)
        if diagonal:
            total = (total + total.conj().swapaxes(-1, -2)) / 2
        return total

    @property
    def error(self):
        """Bounds of the Frobenius distance to the exact Gram, `(matrices,)`.

        An entry is a sum of products, in any order: it errs by at most
        `gamma` times the sum of their absolute values, and these sums are the
        entries of `|T| |T|^T`, whose Frobenius norm is at most `||T||_F^2`.
        """
        longest = max(map(len, self.pairs.values()))
        terms = longest * self.stack.taps.shape[-1]
        frobenius = self.stack.squared_frobenius_bounds()
        return product_error(terms + 2, self.stack.taps) * frobenius


def product_error(terms, array):
    """The relative error of sums of products, real or complex.

    A complex product takes four real ones, or three and more sums.
    """
    return gamma(4 * (terms + 4) if np.iscomplexobj(array) else terms)


def squared_norms(x):
    """Squared Frobenius norms of a stack of matrices, in float64."""
    flat = np.ascontiguousarray(x).reshape(len(x), -1).view("float64")
    return np.einsum("qi,qi->q", flat, flat)


def common_places(places):
    """Which pairs of taps meet in the Gram's blocks.

    Returns:
        Dict from `(i, j)`, `j <= i`, to a tuple of pairs of taps that stand in
        row `i` and row `j` of one column.
    """
    columns = collections.defaultdict(list)
    for tap, tap_places in enumerate(places):
        for row, column in tap_places:
            columns[column].append((row, tap))
    pairs = collections.defaultdict(list)
    for entries in columns.values():
        for i, left in entries:
            for j, right in entries:
                if j <= i:
                    pairs[i, j].append((left, right))
    return {key: tuple(sorted(value)) for key, value in pairs.items()}
