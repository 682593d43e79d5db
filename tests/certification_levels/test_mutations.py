"""Whatever is left out, some test fails."""

import numpy as np
import pytest
import test_attained
import test_layer_rounding
import test_level_decisions
import test_real_and_float32

from keras_lipschitz.certification import fingerprint
from keras_lipschitz.certification.decisions import deviation
from keras_lipschitz.certification.decisions import head
from keras_lipschitz.certification.decisions import radii as decisions
from keras_lipschitz.certification.decisions.deviation import Deviation
from keras_lipschitz.certification.decisions.head import Head
from keras_lipschitz.certification.evaluations import evaluation
from keras_lipschitz.certification.evaluations import linear
from keras_lipschitz.certification.evaluations import normalization
from keras_lipschitz.certification.evaluations.network import EvaluatedNetwork
from keras_lipschitz.certification.formats import Format


def no_gamma(patch):
    patch.setattr(Format, "gamma", lambda self, n: 0.0)


def half_of_gamma(patch):
    gamma = Format.gamma
    patch.setattr(Format, "gamma", lambda self, n: gamma(self, n) / 2)


def no_terms(patch):
    patch.setattr(
        Deviation,
        "_terms",
        lambda self, step, evaluation, inputs, entries: 0.0 * inputs[0].size,
    )


def no_growth(patch):
    patch.setattr(
        EvaluatedNetwork, "gained", lambda self, step, inputs: 0.0 * inputs[0]
    )


def nothing_carried_on(patch):
    patch.setattr(
        EvaluatedNetwork, "carried", lambda self, step, inputs: 0.0 * inputs[0]
    )


def no_bias(patch):
    whole = linear.Evaluation

    def without_bias(compute, **kwargs):
        kwargs.update(absolute=None, offset=np.zeros(1))
        return whole(compute, **kwargs)

    patch.setattr(linear, "Evaluation", without_bias)


def no_underflow(patch):
    patch.setattr(Format, "tiny", property(lambda self: 0.0), raising=False)


def no_limit(patch):
    for module in (deviation, head):
        patch.setattr(
            module,
            "radius_within",
            lambda room, rate: np.full(len(rate), np.inf),
        )


def no_rounding_on_the_host(patch):
    margins = Head.margins

    def exact(self, body):
        logits, host, deployed, limit = margins(self, body)
        return logits, 0.0 * host, deployed, limit

    patch.setattr(Head, "margins", exact)


def no_rounding_where_deployed(patch):
    margins = Head.margins

    def exact(self, body):
        logits, host, deployed, limit = margins(self, body)
        return logits, host, 0.0 * deployed, limit

    patch.setattr(Head, "margins", exact)


def no_spread(patch):
    for module in (evaluation, normalization):
        patch.setattr(module, "spread_of", lambda *numbers: 0.0)


def round_to_nearest(patch):
    patch.setattr(decisions, "_down", lambda x: x)
    patch.setattr(decisions, "_up", lambda x: x)
    patch.setattr(
        decisions,
        "radius_within",
        lambda room, rate: np.where(room > 0, room / rate, 0.0),
    )


def ties_have_a_radius(patch):
    within = decisions.radius_within
    patch.setattr(
        decisions,
        "radius_within",
        lambda room, rate: within(np.abs(room), rate),
    )


def epsilon_in_float32(patch):
    import keras_lipschitz as kl

    patch.setattr(
        kl.GloroModel,
        "epsilon",
        property(
            lambda self: float(np.float32(self._epsilon)),
            lambda self, value: setattr(self, "_epsilon", value),
        ),
    )


def weights_alone(patch):
    patch.setattr(fingerprint, "_architecture", lambda graph: "")


def rounding_of_layer(name):
    return lambda: test_layer_rounding.test_margins_are_within_the_bound(name)


def in_float64(name):
    return lambda: test_layer_rounding.test_another_evaluation_in_float64(name)


@pytest.mark.parametrize(
    ("mutation", "check"),
    [
        (no_gamma, rounding_of_layer("dense")),
        (no_gamma, test_attained.test_of_a_margin),
        (half_of_gamma, lambda: test_attained.test_one_sum(0)),
        (half_of_gamma, test_attained.test_of_a_margin),
        (no_terms, lambda: test_attained.test_one_sum(0)),
        (no_growth, test_attained.test_elsewhere_in_the_ball),
        (nothing_carried_on, test_attained.test_carried_on),
        (no_bias, lambda: test_attained.test_one_sum(1)),
        (no_underflow, test_attained.test_underflow_in_a_sum),
        (
            no_underflow,
            test_real_and_float32.test_products_below_the_range_of_float32,
        ),
        (no_limit, test_real_and_float32.test_overflow_within_the_ball),
        (no_rounding_on_the_host, test_attained.test_float64_that_is_wrong),
        (
            no_rounding_where_deployed,
            test_real_and_float32.test_two_weights_in_float32,
        ),
        (no_spread, in_float64("rescaling")),
        (round_to_nearest, test_attained.test_radius_is_rounded_down),
        (ties_have_a_radius, lambda: test_level_decisions.test_dead_network(0)),
        (
            epsilon_in_float32,
            test_level_decisions.test_epsilon_stays_in_float64,
        ),
        (
            weights_alone,
            test_level_decisions.test_same_weights_behind_another_layer,
        ),
    ],
)
def test_mutation_is_noticed(monkeypatch, mutation, check):
    check()
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        check()
