"""Decisions in float64 from what can vary in the ball around each input."""

import numpy as np

from keras_lipschitz.certification.certify import head_table
from keras_lipschitz.certification.decisions.batches import batches
from keras_lipschitz.certification.decisions.decider import Decider
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.certification.local.norms import PartNorms
from keras_lipschitz.certification.local.probable_norms import ACCURACY
from keras_lipschitz.certification.local.regions import HostBallAndBox
from keras_lipschitz.certification.local.shared_chance import SharedChance
from keras_lipschitz.certification.rounding import UpperBound
from keras_lipschitz.propagation.composition import key_of
from keras_lipschitz.propagation.local.relevance import relevant_outputs

KINDS = ("deterministic", "probabilistic")


class LocalDecider:
    """Decides, with proof, by the norms of what can vary around each input.

    A sample that the certificate's global constants do not decide is looked at
    once more: which units can vary in its ball, and how large the norms of the
    linear maps are on these alone.

    Args:
        certificate: A rigorous `Certificate` of the network.
        bound: The attached `LocalLipschitz`.
        epsilon: Float, the radius that is asked for.
        kind: `"deterministic"`: each norm is a proven upper bound;
            `"probabilistic"`: each is one but for a probability, over random
            numbers that do not depend on the network or the data.
        failure: Float, the probability that any decision of one call is wrong,
            all its samples and layers together. Defaults to `1e-9`.
        accuracy: Float, how far such a bound may lie above its norm, as a
            share of it: the number of steps follows. Defaults to `0.01`.
        seed: Integer, of the random numbers; `None` for new ones. Defaults to
            `None`.

    Attributes:
        statement: What the decisions of the last call prove, in words; of the
            probabilistic kind with its probability and the steps taken.
    """

    def __init__(
        self,
        certificate,
        bound,
        epsilon,
        kind="deterministic",
        failure=1e-9,
        accuracy=ACCURACY,
        seed=None,
    ):
        if kind not in KINDS:
            raise ValueError(
                f"`kind` should be one of {KINDS}. Received: kind={kind!r}"
            )
        if not 0.0 < failure < 1.0:
            raise ValueError(
                "`failure` should be a probability, between 0 and 1. Received: "
                f"failure={failure!r}"
            )
        if not accuracy > 0.0:
            raise ValueError(
                "`accuracy` should be larger than zero. Received: "
                f"accuracy={accuracy!r}"
            )
        self.bound, self.kind = bound, kind
        self.failure, self.accuracy = failure, accuracy
        self.globally = Decider(
            certificate, bound.graph.model, bound.composition
        )
        self.composition = self.globally.network.composition
        # Radii larger than epsilon count as certified.
        self.epsilon = float(np.nextafter(epsilon, np.inf))
        self.random = np.random.default_rng(seed)
        self.regions = HostBallAndBox(
            self.globally.network,
            self.globally.deviation,
            self.epsilon,
            bound.options.intervals,
        )
        self.part_norms = {
            key: PartNorms(linear.operator)
            for key, linear in self.regions.linear.items()
        }
        self.distances = head_table(bound.composition, bound.pairwise)
        self.chance = None

    @property
    def statement(self):
        if self.chance is None:
            return "rigorous, by upper bounds of local norms"
        return str(self.chance)

    def __call__(self, x, batch_size=None):
        """The predicted classes and their certified radii.

        Args:
            x: Inputs, as for `keras.Model.predict`.
            batch_size: Integer, how many to evaluate at a time.

        Returns:
            Integer array `(samples,)`, and float64 array `(samples,)`: the
            radius by global constants, or a little more than `epsilon`.
        """
        size = batch_size or self.globally.batch_size
        inputs = list(batches(x, size, self.globally.inputs))
        if self.kind == "probabilistic":
            self.chance = self._shared_chance(sum(map(len, inputs)))
        decided = [self._decide(batch, size) for batch in inputs]
        if not decided:
            return np.zeros(0, "int64"), np.zeros(0)
        labels, radii = zip(*decided, strict=True)
        return np.concatenate(labels), np.concatenate(radii)

    def _decide(self, x, size):
        labels, radii = self.globally.decide(x.copy())
        (open_,) = np.nonzero(radii < self.epsilon)
        proven = np.zeros(len(x), bool)
        for start in range(0, len(open_), size):
            chosen = open_[start : start + size]
            proven[chosen] = self._prove(x[chosen])
        return labels, np.where(proven, self.epsilon, radii)

    def _prove(self, x):
        """Which samples are certified at `epsilon` by local norms."""
        regions = self.regions(x)
        allowed = self._allowed(regions[self.composition.last].tracked)
        estimates = self._estimates(x)
        lowest = np.array([self._constant(norms) for norms in estimates])
        # More than an estimate no bound can prove.
        (hopeful,) = np.nonzero(lowest < allowed)
        relevant = relevant_outputs(self.composition, regions)
        proven = np.zeros(len(x), bool)
        for i in hopeful:
            masks = self._masks(regions, relevant, i)
            norms = self._proven(masks)
            if self.chance and self._constant(norms) > allowed[i]:
                norms = self._probable(masks, norms, estimates[i], allowed[i])
            proven[i] = self._constant(norms) <= allowed[i]
        return proven

    def _allowed(self, body):
        """The largest constant of the body at which a sample is certified."""
        logits, host, deployed, limit = self.globally.head.margins(body)
        anchor = logits.argmax(axis=1)
        room = logits.max(axis=1, keepdims=True) - logits - host[..., 0]
        room = room - deployed[..., 0] - self.epsilon * deployed[..., 1]
        # Four roundings, none of them larger than those of the terms.
        size = np.abs(logits).max(axis=1, keepdims=True) + np.abs(room)
        room = room - size * 2.0**-48
        rates = self.epsilon * self.distances[anchor]
        with np.errstate(divide="ignore", invalid="ignore"):
            allowed = room / rates * (1.0 - 2.0**-48)
        allowed = np.where(rates > 0, allowed, np.where(room > 0, np.inf, 0))
        allowed[np.arange(len(anchor)), anchor] = np.inf
        allowed = allowed.min(axis=1)
        usable = np.isfinite(logits).all(axis=1) & (limit >= self.epsilon)
        return np.where(usable, allowed, 0.0)

    def _constant(self, norms):
        """The constant of the body with some norms replaced, rounded up."""
        uppers = {
            key: UpperBound(min(norm, norms.get(key, norm)))
            for key, norm in self.globally.network.norms.items()
        }
        return float(
            self.composition.body_constant(uppers, one=UpperBound(1.0))
        )

    def _masks(self, regions, relevant, i):
        """For every key, the pairs of masks of its uses."""
        masks = {}
        for step in self.composition.body:
            linear = self.regions.linear.get(key_of(step))
            if linear is None:
                continue
            columns = host_array(regions[step.inputs[0]].varying[i]) > 0
            rows = host_array(relevant[step.outputs[0]][i]) > 0
            masks.setdefault(key_of(step), []).append(
                (linear.entries_of(columns), linear.entries_of(rows))
            )
        return masks

    def _estimates(self, x):
        """For every sample, the norms by the power method on the device."""
        found = self.bound.estimated_local_norms(x, self.epsilon)
        found = {key: host_array(norm) for key, norm in found.items()}
        return [
            {
                key: float(norm[i] if norm.ndim else norm)
                for key, norm in found.items()
            }
            for i in range(len(x))
        ]

    def _proven(self, masks):
        """The norms, by upper bounds."""
        return {
            key: max(self.part_norms[key](*m) for m in uses)
            for key, uses in masks.items()
        }

    def _shared_chance(self, samples):
        linear = self.regions.linear
        return SharedChance(
            {key: linear[key].operator for key in linear},
            self.failure,
            samples,
            sum(key_of(step) in linear for step in self.composition.body),
            self.accuracy,
            self.random,
        )

    def _probable(self, masks, norms, estimates, allowed):
        """The norms, with those that can be had lower bounded by chance."""
        lowest = {
            key: min(norm, estimates.get(key, norm))
            for key, norm in norms.items()
        }
        gain = allowed / max(self._constant(lowest), 1e-300)
        share = gain ** (1.0 / max(sum(map(len, masks.values())), 1))
        found = dict(norms)
        for key, pairs in masks.items():
            target = lowest[key] * share
            if norms[key] > target:
                bound = self.chance.bound(key, pairs, lowest[key], target)
                found[key] = min(norms[key], bound)
        return found
