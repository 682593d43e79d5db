"""The last layer: from the deviation of its input to that of margins."""

import functools

import numpy as np

from keras_lipschitz.certification.certify import head_table
from keras_lipschitz.certification.decisions.radii import radius_within
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.formats import UP
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.certification.rounding import next_up
from keras_lipschitz.certification.rounding import row_norm_bounds


class Head:
    """How far the margins between classes deviate from exact arithmetic.

    With `z` what the head reads, `d` its deviation and `reach` the distance of
    exact values in the ball from `z`, the margin of classes `i` and `j`
    deviates by at most

        ||w_i - w_j|| d + gamma (t_i + t_j + || |w_i| + |w_j| || (reach + d))

    with `t = |W| |z| + |b|`, and by `sqrt(2) d` where there is no head. In the
    l_inf norm those of the weights are l1 norms, and `sqrt(2)` is `2`.

    Args:
        network: An `EvaluatedNetwork`.
        deployed: The `Format` of the deployed evaluation, or `None`.
    """

    def __init__(self, network, deployed=None):
        self.network = network
        self.deployed = deployed

    @property
    def evaluation(self):
        return self.network.evaluations[self.network.head]

    @functools.cached_property
    def rows(self):
        return operator_of(self.network.composition.head_map).matrix

    @functools.cached_property
    def distances(self):
        return head_table(self.network.composition)

    @functools.cached_property
    def sums(self):
        """Upper bounds of `|| |w_i| + |w_j| ||`."""
        rows = np.abs(self.rows)
        if self.network.composition.norm == "inf":
            norms = row_norm_bounds(rows, order=1)
            return next_up(norms[:, None] + norms[None, :])
        gram = rows @ rows.T
        squares = gram.diagonal()
        squared = squares[:, None] + squares[None, :] + 2.0 * gram
        lost = DOUBLE.tiny * rows.shape[1]
        return np.sqrt(squared) * (1.0 + DOUBLE.gamma(len(rows.T) + 8)) + lost

    def margins(self, body):
        """Logits, and how far margins against the largest may deviate.

        Args:
            body: The `Tracked` tensor that the head reads.

        Returns:
            Logits `(batch, classes)`, deviations on the host and of the
            deployed format, `(batch, classes, 2)`, and the radius within which
            nothing can overflow, `(batch,)`.
        """
        if self.network.head is None:
            return self._without_head(body)
        logits = self.evaluation.compute(body.value)
        factor = 1.0 + 2.0 * DOUBLE.gamma(self.evaluation.roundings)
        terms = self.evaluation.absolute(np.abs(body.value)) * factor
        anchor = logits.argmax(axis=1)
        host, _ = self.deviate(DOUBLE, body.host, body, terms, anchor)
        deployed, limit = np.zeros_like(host), body.limit
        if self.deployed is not None:
            deployed, moved = self.deviate(
                self.deployed, body.deployed, body, terms, anchor
            )
            grown = self.gain * moved
            room = self.deployed.largest / 4 - terms.max(axis=1) - grown[:, 0]
            limit = np.minimum(limit, radius_within(room, grown[:, 1]))
        return logits, host, deployed, limit

    def deviate(self, form, deviation, body, terms, anchor):
        """How far margins against the anchor deviate from exact ones."""
        entries = body.entries
        flushed = deviation + [form.tiny * entries, 0.0]
        constant = self.network.constants[self.network.last]
        reach = np.stack(
            [body.host[:, 0], np.full(len(anchor), constant)], axis=1
        )
        moved = flushed + reach
        pair = terms + np.take_along_axis(terms, anchor[:, None], axis=1)
        grown = self.sums[anchor][..., None] * moved[:, None, :]
        grown[..., 0] += pair
        lost = 2.0 * form.tiny * entries * moved
        lost[:, 0] += (
            2.0
            * form.tiny
            * (4 * self.evaluation.roundings + 4 + entries * body.size)
        )
        exact = self.distances[anchor][..., None] * flushed[:, None, :]
        rounding = form.gamma(self.evaluation.roundings)
        total = exact + rounding * grown + lost[:, None, :]
        return total * UP, moved

    @property
    def gain(self):
        """How much a logit's sum of absolute terms grows at most."""
        if self.network.composition.norm == "inf":
            return row_norm_bounds(self.rows, order=1).max()
        return self.evaluation.gain

    def _without_head(self, body):
        logits = body.value
        factor = self.distances.max() * UP
        shape = (*logits.shape, 2)
        return (
            logits,
            np.broadcast_to(factor * body.host[:, None, :], shape),
            np.broadcast_to(factor * body.deployed[:, None, :], shape),
            body.limit,
        )
