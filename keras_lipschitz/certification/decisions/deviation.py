"""How far evaluations of a network are from exact arithmetic.

Bounds of deviations are affine in the radius of the ball of inputs, and held as
arrays whose last axis is `[at radius zero, for each unit of radius]`. Lipschitz
rules are norms of their arguments, so they may be applied to either column.
"""

import dataclasses
import math

import numpy as np

from keras_lipschitz.certification.decisions.radii import radius_within
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.formats import UP


@dataclasses.dataclass(frozen=True, eq=False)
class Tracked:
    """A tensor of the network, evaluated at a batch of inputs.

    Args:
        value: Float64 array, computed on the host.
        size: Array `(batch,)`, upper bound of its norm.
        entries: Integer, how many entries a sample has.
        host: Array `(batch, 2)`: any float64 evaluation, anywhere in the ball,
            is at most so far from the exact value there.
        deployed: The same for the deployed format; zero where there is none.
        limit: Array `(batch,)`: the largest radius at which nothing can
            overflow in the deployed format.
    """

    value: object
    size: np.ndarray
    entries: int
    host: np.ndarray
    deployed: np.ndarray
    limit: np.ndarray


class Deviation:
    """The walk that carries values and their deviations through a network.

    A layer that deviates by at most `d` at its input, where any input in the
    ball is at most `reach` from the computed centre `z`, deviates by at most

        L(d) + (gamma(roundings) + spread) (t(|z|) + G(reach + d)) + underflow

    at its output, with `L` its Lipschitz rule, and `t`, `G` as in
    `Evaluation`.

    Args:
        network: An `EvaluatedNetwork`.
        deployed: The `Format` of the deployed evaluation, or `None` where there
            is none but on the host.
    """

    def __init__(self, network, deployed=None):
        self.network = network
        self.norm = network.composition.norm
        self.deployed = deployed

    def start(self, x):
        """Tracks a batch of inputs, exact in either format."""
        entries = math.prod(x.shape[1:])
        none = np.zeros((len(x), 2))
        return Tracked(
            value=x,
            size=norms_up(x, self.norm),
            entries=entries,
            host=none,
            deployed=none,
            limit=np.full(len(x), np.inf),
        )

    def step(self, step, inputs):
        """Tracks the output of a step."""
        evaluation = self.network.evaluations[step]
        value = evaluation.compute(*(x.value for x in inputs))
        size = norms_up(value, self.norm)
        entries = math.prod(value.shape[1:])
        terms = self._terms(step, evaluation, inputs, entries)
        rounded = (step, evaluation, inputs, terms, entries)
        host, _ = self._deviated(DOUBLE, [x.host for x in inputs], *rounded)
        deployed, limit = np.zeros_like(host), np.full(len(size), np.inf)
        if self.deployed is not None:
            deployed, grown = self._deviated(
                self.deployed, [x.deployed for x in inputs], *rounded
            )
            room = self.deployed.largest / 4 - terms - grown[:, 0]
            limit = radius_within(room, grown[:, 1])
        return Tracked(
            value=value,
            size=size,
            entries=entries,
            host=host,
            deployed=deployed,
            limit=np.min([limit, *(x.limit for x in inputs)], axis=0),
        )

    def _deviated(
        self, form, deviations, step, evaluation, inputs, terms, entries
    ):
        """How far the output deviates, and how much its terms may grow."""
        flushed = [
            d + _fixed(form.tiny * math.sqrt(x.entries))
            for d, x in zip(deviations, inputs, strict=True)
        ]
        moved = [
            self._reach(step, i, x) + d
            for i, (x, d) in enumerate(zip(inputs, flushed, strict=True))
        ]
        grown = self.network.gained(step, moved)
        rounding = form.gamma(evaluation.roundings) + evaluation.spread
        local = rounding * (_fixed(terms) + grown) if rounding else 0.0
        lost = self._lost(form, evaluation, inputs, moved, entries)
        exact = self.network.carried(step, flushed)
        return (exact + local + lost) * UP, grown

    def _terms(self, step, evaluation, inputs, entries):
        """Upper bound of `||t(|z|)||`, `(batch,)`."""
        if self.deployed is not None and evaluation.absolute is not None:
            return norms_up(self._sums(evaluation, inputs), self.norm) * UP
        offset = np.asarray(evaluation.offset)
        constants = evaluation.slope * self._repeated(offset, entries)
        grown = self.network.gained(step, [x.size for x in inputs])
        factor = 1.0 + DOUBLE.gamma(offset.size + 8)
        return (grown + constants) * (factor * UP)

    def _sums(self, evaluation, inputs):
        """Upper bounds of `t(|z|)`, entry by entry."""
        sums = evaluation.absolute(*(np.abs(x.value) for x in inputs))
        factor = 1.0 + 2.0 * DOUBLE.gamma(evaluation.roundings)
        return sums * (evaluation.slope * factor * UP)

    def _repeated(self, offset, entries):
        """The norm of constants that are repeated to so many entries."""
        if self.norm == "inf":
            return np.abs(offset).max(initial=0.0)
        copies = math.sqrt(entries / max(offset.size, 1))
        return copies * np.linalg.norm(offset)

    def _reach(self, step, i, x):
        """How far exact inputs in the ball are from the computed centre."""
        constant = self.network.constants[step.inputs[i]]
        return np.stack([x.host[:, 0], np.full(len(x.size), constant)], axis=1)

    def _lost(self, form, evaluation, inputs, moved, entries):
        """What underflow may cost, of results and of constants."""
        operations = 4 * evaluation.roundings + 4
        sizes = sum(
            self._sum_of(x.entries) * (_fixed(x.size) + m)
            for x, m in zip(inputs, moved, strict=True)
        )
        scale = form.tiny * math.sqrt(entries) * max(1.0, evaluation.slope)
        return scale * (_fixed(operations) + sizes)

    def _sum_of(self, entries):
        """How much the absolute values of entries of norm 1 add up to."""
        return entries if self.norm == "inf" else math.sqrt(entries)


def norms_up(x, norm=2):
    """Upper bounds of the norms of the samples of a batch, `(batch,)`."""
    entries = math.prod(x.shape[1:])
    axes = tuple(range(1, len(x.shape)))
    if norm == "inf":
        return np.abs(x).max(axis=axes, initial=0.0)
    squares = np.square(x).sum(axis=axes)
    # Squares may vanish, each of them losing less than `tiny ** 2`.
    lost = DOUBLE.tiny * math.sqrt(entries)
    return np.sqrt(squares) * (1.0 + DOUBLE.gamma(entries + 8)) + lost


def _fixed(x):
    """A number, or one for each sample, that is the same at any radius."""
    return np.multiply.outer(x, np.array([1.0, 0.0]))
