"""Boxes in float64 that hold what rounding may do as well."""

import dataclasses
import math

import numpy as np

from keras_lipschitz.certification.decisions.deviation import Deviation
from keras_lipschitz.certification.decisions.deviation import norms_up
from keras_lipschitz.certification.evaluations.evaluation import increasing_box
from keras_lipschitz.certification.evaluations.evaluation import monotone_box
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.formats import UP
from keras_lipschitz.propagation.intervals.registry import increasing
from keras_lipschitz.propagation.intervals.registry import interval_rule_of
from keras_lipschitz.propagation.intervals.registry import monotone


@dataclasses.dataclass(frozen=True, eq=False)
class TrackedBox:
    """The box of a tensor, for a batch of inputs.

    It holds what exact arithmetic gives anywhere in the box of the input, and
    what any evaluation in the deployed format gives, if there is one.

    Args:
        lower: Float64 array, computed on the host.
        upper: Likewise.
        fits: Boolean array `(batch,)`: nothing up to here can overflow in the
            deployed format. Where something can, the box says nothing of it.
        terms: Array that broadcasts to the ends: the sums of the absolute
            terms of entries in the box, before an activation.
        rounding: Likewise: how far any arithmetic in question, or that on the
            host, may be from exact arithmetic on the same inputs.
        unselected: The ends before an activation that selects.
    """

    lower: np.ndarray
    upper: np.ndarray
    fits: np.ndarray
    terms: np.ndarray | float = 0.0
    rounding: np.ndarray | float = 0.0
    unselected: tuple | None = None

    @property
    def value(self):
        """The largest absolute values in the box."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    @property
    def size(self):
        return norms_up(self.value, "inf")

    @property
    def entries(self):
        return math.prod(self.lower.shape[1:])

    @property
    def host(self):
        """How far values may be outside, as of `Tracked`: they are not."""
        return np.zeros((len(self.lower), 2))


class BoxWalk(Deviation):
    """The walk that carries boxes, rounding included, through a network.

    Every layer gets a box that holds whatever its inputs may be in either
    arithmetic, and answers one that is wider, entry by entry, by what it may
    round itself. So an error grows as boxes do, and ends where an activation
    saturates; Lipschitz constants take no part.

    Args:
        network: An `EvaluatedNetwork` in the l_inf norm.
        deployed: The `Format` of the deployed evaluation, or `None`.

    Raises:
        ValueError: Where it is not known what a layer makes of a box; names
            it.
    """

    def __init__(self, network, deployed=None):
        super().__init__(network, deployed)
        self.boxes = {
            step: _box_of(step, network.evaluations[step])
            for step in network.composition.body
        }

    def start(self, lower, upper):
        return TrackedBox(lower, upper, np.ones(len(lower), bool))

    def step(self, step, inputs):
        evaluation = self.network.evaluations[step]
        lower, upper = self.boxes[step](*((x.lower, x.upper) for x in inputs))
        terms = self._terms_of_entries(step, evaluation, inputs, lower.shape)
        rounding = self._rounding(
            DOUBLE, step, _twice(evaluation), inputs, 2.0 * terms, lower.shape
        )
        fits = np.logical_and.reduce([x.fits for x in inputs])
        if self.deployed is not None:
            rounding = rounding + self._rounding(
                self.deployed, step, evaluation, inputs, terms, lower.shape
            )
            fits &= norms_up(terms, "inf") < self.deployed.largest / 4
        ends = (
            np.nextafter(lower - rounding, -np.inf),
            np.nextafter(upper + rounding, np.inf),
        )
        unselected = ends
        if evaluation.selection is not None:
            ends = evaluation.selection(ends)
        return TrackedBox(*ends, fits, terms, rounding, unselected)

    def _terms_of_entries(self, step, evaluation, inputs, shape):
        """Upper bounds of `t(|z|)` in the box, for entries of that shape."""
        # Float64 is so exact that norms do.
        if self.deployed is not None and evaluation.absolute is not None:
            return self._sums(evaluation, inputs)
        terms = self._terms(step, evaluation, inputs, math.prod(shape[1:]))
        return _for_entries(terms, shape)

    def _rounding(self, form, step, evaluation, inputs, terms, shape):
        """How far a step by itself may leave the box, entry by entry."""
        # Of terms of zero: what is lost to underflow.
        lost, _ = self._deviated(
            form,
            [x.host for x in inputs],
            step,
            evaluation,
            inputs,
            np.zeros(shape[0]),
            math.prod(shape[1:]),
        )
        relative = form.gamma(evaluation.roundings) + evaluation.spread
        rounded = relative * terms if relative else 0.0
        return (rounded + _for_entries(lost[:, 0], shape)) * UP

    def _reach(self, step, i, x):
        return x.host


def _for_entries(numbers, shape):
    """One number for each sample, to broadcast against its entries."""
    return numbers.reshape(-1, *[1] * (len(shape) - 1))


def _twice(evaluation):
    """What `Evaluation.box` may round more than the values do."""
    if not evaluation.rounds:
        return evaluation
    return dataclasses.replace(
        evaluation,
        roundings=2 * evaluation.roundings + 8,
        spread=2.0 * evaluation.spread,
    )


def _box_of(step, evaluation):
    rule = interval_rule_of(step.layer, step.name)
    if rule is increasing:
        return increasing_box(evaluation.compute)
    if rule is monotone:
        return monotone_box(evaluation.compute)
    if evaluation.box is None:
        raise ValueError(
            f"It is not known how boxes of layer {step.name!r} of type "
            f"{type(step.layer).__name__} round. Give its `Evaluation` a `box`."
        )
    return evaluation.box
