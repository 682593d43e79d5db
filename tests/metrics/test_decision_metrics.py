"""Metrics of the outputs alone: clean, verified, rejected."""

import numpy as np
import pytest
import slow_decisions
from keras import ops

import keras_lipschitz as kl

METRICS = {
    "clean_accuracy": (kl.metrics.CleanAccuracy, slow_decisions.is_correct),
    "vra": (kl.metrics.VerifiedRobustAccuracy, slow_decisions.is_verified),
    "rejection_rate": (kl.metrics.RejectionRate, slow_decisions.is_rejected),
}

every_metric = pytest.mark.parametrize("name", METRICS)
NAN, INF = float("nan"), float("inf")


def value_of(metric):
    return float(ops.convert_to_numpy(metric.result()))


def sample_outputs(samples=300, classes=3, seed=0):
    """Small integers, so that ties of every kind are frequent."""
    random = np.random.default_rng(seed)
    outputs = random.integers(-2, 3, (samples, classes + 1)).astype("float32")
    broken = random.random(outputs.shape)
    outputs[broken < 0.01] = NAN
    outputs[broken > 0.99] = INF
    return random.integers(0, classes, samples), outputs


@every_metric
@pytest.mark.multi_backend
def test_against_the_definition_in_batches(name):
    cls, decide = METRICS[name]
    labels, outputs = sample_outputs()
    weights = np.random.default_rng(1).random(len(labels))
    decisions = [decide(*pair) for pair in zip(labels, outputs, strict=True)]
    for weight in (None, weights):
        metric = cls()
        for batch in np.array_split(np.arange(len(labels)), 7):
            metric.update_state(
                labels[batch],
                outputs[batch],
                sample_weight=None if weight is None else weight[batch],
            )
        expected = slow_decisions.mean(decisions, weight)
        assert value_of(metric) == pytest.approx(expected, rel=1e-5)
    assert 0 < expected < 1


@every_metric
@pytest.mark.multi_backend
def test_every_single_decision(name):
    cls, decide = METRICS[name]
    metric = cls()
    cases = [
        (0, [2, 1, 1]),
        (0, [2, 1, 2]),
        (0, [2, 1, 3]),
        (0, [2, 2, 1]),
        (1, [2, 2, 1]),
        (1, [2, 1, 0]),
        (0, [2, 1, -INF]),
        (0, [2, 1, INF]),
        (0, [2, 1, NAN]),
        (0, [NAN, 1, 0]),
        (0, [2, NAN, 0]),
        (0, [INF, 1, 0]),
        (0, [2, -INF, 1]),
        (0, [-1, -2, -3]),
        (-1, [2, 1, 0]),
        (2, [2, 1, 3]),
        (7, [2, 1, 0]),
    ]
    for label, outputs in cases:
        metric.reset_state()
        metric.update_state(np.array([label]), np.array([outputs], "float32"))
        assert value_of(metric) == decide(label, outputs), (label, outputs)


@every_metric
@pytest.mark.multi_backend
def test_labels_in_every_form_mean_the_same(name):
    labels, outputs = sample_outputs()
    one_hot = np.eye(3)[labels]
    values = set()
    for given in (
        labels,
        labels.astype("uint8"),
        labels.astype("float32"),
        labels[:, None],
        one_hot,
        one_hot.astype("int32"),
        one_hot.astype(bool),
    ):
        metric = METRICS[name][0]()
        metric.update_state(given, outputs)
        values.add(value_of(metric))
    assert len(values) == 1


@pytest.mark.parametrize("name", ["clean_accuracy", "vra"])
@pytest.mark.parametrize("shape", [(8, 4), (8, 2), (8, 1, 1), (), (8, 3, 3)])
def test_labels_of_a_wrong_shape_are_refused(name, shape):
    _, outputs = sample_outputs(samples=8)
    with pytest.raises(ValueError, match=r"labels of shape .*Received"):
        METRICS[name][0]().update_state(np.zeros(shape), outputs)


@every_metric
def test_weights_of_any_rank_and_reset(name):
    labels, outputs = sample_outputs(samples=20)
    weights = np.random.default_rng(2).random(20)
    flat, column = METRICS[name][0](), METRICS[name][0]()
    flat.update_state(labels, outputs, weights)
    column.update_state(labels, outputs, weights[:, None])
    assert value_of(flat) == pytest.approx(value_of(column))
    flat.reset_state()
    assert value_of(flat) == 0.0
    flat.update_state(labels, outputs, np.zeros(20))
    assert value_of(flat) == 0.0


@pytest.mark.multi_backend
def test_what_is_verified_is_accepted_and_correct():
    labels, outputs = sample_outputs(samples=2000, seed=5)
    values = {}
    for name, (cls, _) in METRICS.items():
        metric = cls()
        metric.update_state(labels, outputs)
        values[name] = value_of(metric)
    assert values["vra"] <= values["clean_accuracy"]
    assert values["vra"] <= 1 - values["rejection_rate"]


@every_metric
@pytest.mark.parametrize("given_name", [None, "mine"])
def test_configuration_round_trip(name, given_name):
    kwargs = {} if given_name is None else {"name": given_name}
    metric = METRICS[name][0](**kwargs)
    assert metric.name == (given_name or name)
    twin = type(metric).from_config(metric.get_config())
    assert twin.get_config() == metric.get_config()
