"""Norms of masked operators, bounded with a probability that is chosen."""

import functools
import math

import numpy as np

from keras_lipschitz.certification.evaluations.absolute_norm import (
    absolute_norm,
)
from keras_lipschitz.certification.norms.operators import DenseOperator
from keras_lipschitz.certification.rounding import gamma

# By default.
STARTS, ACCURACY = 4, 0.01
_UP = 1.0 + 2.0**-40


class ProbableNorms:
    """Upper bounds of `||D A C||` that fail with a probability of at most p.

    Let `B` be the Gram matrix of `P = D A C`, `v` its top eigenvector and `g`
    Gaussian, so that `P(|<v, g>| < t) <= t sqrt(2 / pi)`. For any scale `s` the
    Chebyshev polynomials of `M = 2 B / s - 1` obey, at the largest eigenvalue
    `m` of `M`,

        T_k(m) |<v, g>| <= ||T_k(M) g||,

    and so `m <= cosh(arccosh(||T_k(M) g|| / t) / k)` but for that probability.
    This is how Kuczynski and Wozniakowski bound Lanczos' method from a random
    start; the recurrence is used here because its rounding can be bounded: an
    error `e_j` in step `j` grows to no more than `k T_k(m) ||e_j||`. Of
    several starts the largest bound counts, which fails only if all do.

    With `s` the square of the norm no `||T_k(M) g||` exceeds `||g||`, so it is
    known at which degree a bound has come as close to the norm as was asked.
    The recurrence ends there, or where the bound suffices.

    Args:
        operator: The `Operator` `A`.
        failure: Float, the probability with which a bound may be too small.
        starts: Integer, how many random vectors to begin with. Defaults to
            `4`, so that a single one need not be so unlikely to fail that
            rounding could hide it.
        accuracy: Float, the share by which a bound may exceed the norm, where
            the estimate is right. Defaults to `0.01`.

    Attributes:
        steps: List of the degrees that were taken, one for every start.

    Reference:
        - [Kuczynski and Wozniakowski, Estimating the Largest Eigenvalue by the
          Power and Lanczos Algorithms with a Random Start, 1992](
          https://doi.org/10.1137/0613066)
    """

    def __init__(self, operator, failure, starts=STARTS, accuracy=ACCURACY):
        self.operator = operator
        self.starts = starts
        self.accuracy = accuracy
        self.steps = []
        self.least = failure ** (1.0 / starts) * math.sqrt(math.pi / 2) / _UP
        self.length_up = 1.0 + gamma(max(operator.shape) + 16)

    def __call__(self, columns, rows, estimate, target, random):
        """The bound for one pair of masks.

        Args:
            columns: Boolean vector of inputs.
            rows: Boolean vector of outputs.
            estimate: Float, about the norm: how close decides how many steps
                are needed, not whether the bound holds.
            target: Float, a bound that is good enough.
            random: A `numpy.random.Generator`.

        Returns:
            A float.
        """
        if not columns.any() or not rows.any():
            return 0.0
        scale = max(estimate, 1e-150) ** 2
        return max(
            self._bound(columns, rows, scale, target, random)
            for _ in range(self.starts)
        )

    def most_steps(self, entries):
        """The degree that gives the accuracy, for a number of columns."""
        # `||g||` is rarely larger.
        length = math.sqrt(entries) + 3.0
        ratio = max(length / self.least, 1.0)
        wanted = 2.0 * (1.0 + self.accuracy) ** 2 - 1.0
        return max(math.ceil(math.acosh(ratio) / math.acosh(wanted)), 1)

    @functools.cached_property
    def _rounding(self):
        # Two sums of products, relative to `|A|^T |A| |x|`, and a few more.
        terms = self.operator.terms + _adjoint_terms(self.operator) + 16
        return gamma(terms) * absolute_norm(self.operator) ** 2

    def _bound(self, columns, rows, scale, target, random):
        def gram(x):
            inner = rows * self.operator.matvec(x)
            return columns * self.operator.rmatvec(inner)

        before = columns * random.standard_normal(len(columns))
        now = gram(before) * (2.0 / scale) - before
        unit = (4.0 * self._rounding / scale + 2.0**-48) * _UP
        length = self._length(before)
        errors, bound = unit * length, math.inf
        for k in range(1, self.most_steps(columns.sum()) + 1):
            last, length = length, self._length(now)
            least = self.least - k * errors * _UP
            if least <= 0 or not math.isfinite(length):
                break
            bound = min(bound, _largest(length / least * _UP, k, scale))
            if bound <= target:
                break
            before, now = now, gram(now) * (4.0 / scale) - 2.0 * now - before
            errors += unit * (last + length)
        self.steps.append(k)
        return bound

    def _length(self, x):
        return float(np.linalg.norm(x)) * self.length_up


def _largest(ratio, k, scale):
    """The largest `sqrt(s (1 + m) / 2)` with `T_k(m) <= ratio`, rounded up."""
    m = math.cosh(math.acosh(max(ratio, 1.0)) / k)
    # Elementary functions err by a few units in the last place.
    return math.sqrt(scale * (1.0 + m * _UP) / 2.0) * _UP


def _adjoint_terms(operator):
    """How many products an entry of the adjoint is the sum of, at most."""
    if isinstance(operator, DenseOperator):
        return operator.shape[0]
    return operator.entries.size // operator.entries.shape[-2]
