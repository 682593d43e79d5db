"""Boxes in float64, and how far evaluations are from exact arithmetic."""

import dataclasses
import math

import numpy as np

from keras_lipschitz.certification.decisions.deviation import Deviation
from keras_lipschitz.certification.decisions.deviation import norms_up
from keras_lipschitz.certification.evaluations.evaluation import increasing_box
from keras_lipschitz.certification.evaluations.evaluation import monotone_box
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.propagation.intervals.registry import increasing
from keras_lipschitz.propagation.intervals.registry import interval_rule_of
from keras_lipschitz.propagation.intervals.registry import monotone


@dataclasses.dataclass(frozen=True, eq=False)
class TrackedBox:
    """The box of a tensor, for a batch of inputs.

    Args:
        lower: Float64 array, computed on the host.
        upper: Likewise.
        host: Array `(batch, 2)`, the second column zero: the ends are at most
            so far inside those that exact arithmetic gives.
        deployed: The same for the distance of any evaluation in the deployed
            format, at any input in the box, from exact arithmetic; zero where
            there is none.
    """

    lower: np.ndarray
    upper: np.ndarray
    host: np.ndarray
    deployed: np.ndarray

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


class BoxDeviation(Deviation):
    """The walk that carries boxes and their deviations through a network.

    All is measured by the largest entry. The ends of a box move no further
    than the layer's Lipschitz rule says when those of its inputs move, so their
    rounding errors grow by the same rules as those of values.

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
        none = np.zeros((len(lower), 2))
        return TrackedBox(lower, upper, none, none)

    def step(self, step, inputs):
        evaluation = self.network.evaluations[step]
        lower, upper = self.boxes[step](*((x.lower, x.upper) for x in inputs))
        entries = math.prod(lower.shape[1:])
        terms = self._terms(step, evaluation, inputs, entries)
        host, _ = self._deviated(
            DOUBLE,
            [x.host for x in inputs],
            step,
            _twice(evaluation),
            inputs,
            2.0 * terms,
            entries,
        )
        deployed = np.zeros_like(host)
        if self.deployed is not None:
            deployed, grown = self._deviated(
                self.deployed,
                [x.deployed for x in inputs],
                step,
                evaluation,
                inputs,
                terms,
                entries,
            )
            fits = terms + grown[:, 0] < self.deployed.largest / 4
            deployed[:, 0] = np.where(fits, deployed[:, 0], np.inf)
        return TrackedBox(lower, upper, host, deployed)

    def _reach(self, step, i, x):
        # The box holds all exact values, up to its own error.
        return x.host


def _twice(evaluation):
    """What `Evaluation.box` may round more than the values do."""
    if not (evaluation.roundings or evaluation.spread):
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
