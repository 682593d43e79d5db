"""Decisions in float64 by interval arithmetic."""

import numpy as np

from keras_lipschitz.certification.decisions.batches import batches
from keras_lipschitz.certification.decisions.box_walk import BoxWalk
from keras_lipschitz.certification.decisions.decider import Decider
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.relaxation.branch_and_bound import (
    margins_are_negative,
)
from keras_lipschitz.certification.relaxation.reduction import Reduction

# A box takes more memory than a value, and is walked more often.
_SMALLER = 4


class BoxDecider:
    """Decides, with proof, by the box around each input.

    Of each sample the radius by the certificate's margin constants comes first;
    then `epsilon` is tried, and larger radii by bisection. Whatever radius is
    answered was proved.

    Args:
        certificate: A `Certificate` of the network, in the l_inf norm.
        base: The network.
        composition: Its `Composition`.
        epsilon: Float, the radius that is asked for.
        clip: Pair of numbers that inputs lie between, or `None`.
        steps: Integer, how many radii beside `epsilon` to try.
        branches: Integer, into how many parts the box of `epsilon` may be
            taken, with linear relaxations, where arithmetic of intervals does
            not decide; 0 for none.

    Raises:
        ValueError: Where a layer, or at a level of deployed arithmetic
            anything in this process, does not let a decision be proved.
    """

    def __init__(
        self,
        certificate,
        base,
        composition,
        epsilon,
        clip=None,
        steps=12,
        branches=0,
    ):
        self.globally = Decider(certificate, base, composition)
        self.head = self.globally.head
        self.walk = BoxWalk(
            self.globally.network, self.globally.deviation.deployed
        )
        # Radii larger than epsilon count as certified.
        self.epsilon = np.nextafter(epsilon, np.inf)
        self.clip, self.steps = clip, steps
        self.branches = branches
        self.reduction = Reduction(self.walk.network) if branches else None

    def __call__(self, x, batch_size=None):
        """The predicted classes and their certified radii.

        Args:
            x: Inputs, as for `keras.Model.predict`.
            batch_size: Integer, how many to evaluate at a time.

        Returns:
            Integer array `(samples,)`, and float64 array `(samples,)`.
        """
        size = batch_size or max(1, self.globally.batch_size // _SMALLER)
        decided = [
            self._decide(batch)
            for batch in batches(x, size, self.globally.inputs)
        ]
        if not decided:
            return np.zeros(0, "int64"), np.zeros(0)
        labels, radii = zip(*decided, strict=True)
        return np.concatenate(labels), np.concatenate(radii)

    def _decide(self, x):
        # What is not finite becomes zero and gets the radius zero.
        finite = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
        labels, proven = self.globally.decide(x)
        refuted = np.where(finite, np.inf, 0.0)
        trial = np.full(len(x), self.epsilon)
        for step in range(self.steps + 1):
            if step:
                middle = proven + (refuted - proven) / 2.0
                trial = np.where(np.isinf(refuted), 2.0 * proven, middle)
            asked = (trial > proven) & (trial < refuted)
            holds = np.zeros(len(x), bool)
            holds[asked] = self.proves(x[asked], labels[asked], trial[asked])
            proven = np.where(holds, trial, proven)
            refuted = np.where(asked & ~holds, trial, refuted)
        if self.branches:
            for i in np.flatnonzero(finite & (proven < self.epsilon)):
                if self.proves_by_parts(x[i : i + 1], labels[i]):
                    proven[i] = self.epsilon
        return labels, proven

    def proves_by_parts(self, x, label):
        """Whether no input within `epsilon` is classified otherwise.

        Args:
            x: Float64 array of one finite input.
            label: Integer, the predicted class.

        Returns:
            Boolean.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            boxes = self._boxes(x, np.array([self.epsilon]))
            body = boxes[self.walk.network.last]
            if not body.fits[0]:
                return False
            labels = np.array([label])
            worst = self._worst_margins(body, labels)[0]
            errors = self._errors(body, labels)[0]
        worst[label] = -np.inf
        (others,) = np.nonzero(~(worst < 0.0))
        rows, constants = self._margins_of(others, label)
        network = self.reduction.reduce(boxes, rows, constants, errors[others])
        return margins_are_negative(network, self.branches)

    def _margins_of(self, others, label):
        """Margins against the label as functions of the last tensor."""
        if self.walk.network.head is None:
            rows = np.eye(self.walk.network.composition.classes)
            constants = np.zeros(len(rows))
        else:
            rows = self.head.rows
            constants = self.head.evaluation.affine.constant
            constants = np.broadcast_to(constants, len(rows))
        return rows[others] - rows[label], constants[others] - constants[label]

    def _boxes(self, x, radii):
        """The boxes of all tensors of the body."""
        return self.walk.network.composition.graph.walk(
            self.walk.step,
            self.walk.start(*self._ends(x, radii)),
            skip=self.walk.network.head,
        )

    def proves(self, x, labels, radii):
        """Whether no input within its radius is classified otherwise.

        Args:
            x: Float64 array of finite inputs.
            labels: Integer array, the predicted classes.
            radii: Float64 array, one for each input.

        Returns:
            Boolean array.
        """
        if not len(x):
            return np.zeros(0, bool)
        with np.errstate(over="ignore", invalid="ignore"):
            body = self._boxes(x, radii)[self.walk.network.last]
            worst = self._worst_margins(body, labels)
        worst[np.arange(len(x)), labels] = -np.inf
        return body.fits & (worst < 0.0).all(axis=1)

    def _ends(self, x, radii):
        """The ends of the boxes of inputs, rounded outwards."""
        radii = radii.reshape(-1, *[1] * (x.ndim - 1))
        lower = np.nextafter(x - radii, -np.inf)
        upper = np.nextafter(x + radii, np.inf)
        if self.clip is None:
            return lower, upper
        lowest, highest = self.clip
        return (
            np.maximum(lower, np.minimum(x, lowest)),
            np.minimum(upper, np.maximum(x, highest)),
        )

    def _worst_margins(self, body, labels):
        """Upper bounds of `f_i - f_label` over boxes, rounding included."""
        if self.walk.network.head is None:
            lowest = np.take_along_axis(body.lower, labels[:, None], axis=1)
            return np.nextafter(body.upper - lowest, np.inf)
        evaluation, rows = self.head.evaluation, self.head.rows
        middle = evaluation.compute((body.lower + body.upper) / 2.0)
        margins = middle - np.take_along_axis(middle, labels[:, None], axis=1)
        radius = (body.upper - body.lower) / 2.0
        for label in np.unique(labels):
            chosen = labels == label
            differences = np.abs(rows - rows[label])
            margins[chosen] += radius[chosen] @ differences.T
        return margins + self._errors(body, labels)

    def _errors(self, body, labels):
        """How far margins may be off by the arithmetic of the last layer."""
        if self.walk.network.head is None:
            return np.zeros(body.lower.shape)
        evaluation = self.head.evaluation
        terms = evaluation.absolute(body.value) * 1.001
        host, moved = self.head.deviate(DOUBLE, body.host, body, terms, labels)
        # Twice the terms, and less than eight times the roundings.
        errors = 16.0 * host[..., 0]
        form = self.walk.deployed
        if form is not None:
            deployed, moved = self.head.deviate(
                form, body.host, body, terms, labels
            )
            largest = terms.max(axis=1) + self.head.gain * moved[:, 0]
            fits = largest < form.largest / 4
            errors += np.where(fits[:, None], deployed[..., 0], np.inf)
        return errors
