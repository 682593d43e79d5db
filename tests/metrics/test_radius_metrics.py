"""Metrics of the certified radius."""

import json

import keras
import numpy as np
import pytest
import slow_decisions
from keras import ops

import keras_lipschitz as kl

NAN, INF = float("nan"), float("inf")
EPSILONS = (0.0, 0.25, 0.5, 1.0)


def sample(samples=300, classes=3, seed=0):
    """Outputs with ties, and radii of which many equal an epsilon."""
    random = np.random.default_rng(seed)
    outputs = random.integers(-2, 3, (samples, classes + 1)).astype("float32")
    radius = random.choice([0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 1.0, 2.0], samples)
    return random.integers(0, classes, samples), outputs, radius


def results(metric):
    return {
        k: float(ops.convert_to_numpy(v)) for k, v in metric.result().items()
    }


@pytest.mark.multi_backend
def test_verified_accuracy_at_many_radii_in_one_pass():
    labels, outputs, radius = sample()
    weights = np.random.default_rng(1).random(len(labels))
    correct = [
        slow_decisions.is_correct(*pair)
        for pair in zip(labels, outputs, strict=True)
    ]
    for weight in (None, weights):
        metric = kl.metrics.VerifiedRobustAccuracy(EPSILONS)
        for batch in np.array_split(np.arange(len(labels)), 6):
            metric.update_state(
                labels[batch],
                outputs[batch],
                sample_weight=None if weight is None else weight[batch],
                radius=radius[batch],
            )
        expected = {
            f"vra_{epsilon:g}": slow_decisions.mean(
                [
                    c and r > epsilon
                    for c, r in zip(correct, radius, strict=True)
                ],
                weight,
            )
            for epsilon in EPSILONS
        }
        assert results(metric) == pytest.approx(expected, rel=1e-5)
        assert list(expected) == ["vra_0", "vra_0.25", "vra_0.5", "vra_1"]
    metric.reset_state()
    assert set(results(metric).values()) == {0.0}


@pytest.mark.multi_backend
def test_strictly_larger_and_never_for_nan():
    metric = kl.metrics.VerifiedRobustAccuracy(0.3)
    above = np.nextafter(np.float32(0.3), np.float32(1))
    for radius, outputs, expected in (
        (np.float32(0.3), [2, 1, 0], 0),
        (above, [2, 1, 0], 1),
        (NAN, [2, 1, 0], 0),
        (INF, [2, 1, 0], 1),
        (1.0, [1, 2, 0], 0),
        (1.0, [NAN, 2, 0], 0),
        (INF, [INF, 2, 0], 0),
    ):
        metric.reset_state()
        metric.update_state(
            np.array([0]),
            np.array([outputs], "float32"),
            radius=np.array([radius], "float32"),
        )
        assert results(metric) == {"vra_0.3": expected}, (radius, outputs)


@pytest.mark.multi_backend
def test_mean_radius_of_right_predictions():
    labels, outputs, radius = sample()
    metric = kl.metrics.CertifiedRadius()
    values = [
        r * slow_decisions.is_correct(label, o)
        for label, o, r in zip(labels, outputs, radius, strict=True)
    ]
    weights = np.random.default_rng(2).random(len(labels))
    for weight in (None, weights, weights[:, None]):
        metric.reset_state()
        metric.update_state(labels, outputs, weight, radius=radius)
        flat = None if weight is None else weight.ravel()
        expected = slow_decisions.mean(values, flat)
        assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.multi_backend
def test_infinite_radii_are_left_out_and_nan_counts_as_zero():
    metric = kl.metrics.CertifiedRadius()
    outputs = np.array([[2.0, 1, 0]] * 3 + [[1.0, 2, 0]])
    for radii, expected in (
        ([1, 2, 3, 9], 1.5),
        ([1, INF, 3, 9], 4 / 3),
        ([1, 2, 3, INF], 1.5),
        ([1, NAN, 3, 9], 1.0),
        ([INF, INF, INF, 9], 0.0),
    ):
        metric.reset_state()
        metric.update_state(np.zeros(4), outputs, radius=np.array(radii))
        assert float(metric.result()) == pytest.approx(expected)


@pytest.mark.parametrize(
    "metric",
    [kl.metrics.CertifiedRadius(), kl.metrics.VerifiedRobustAccuracy(0.5)],
)
def test_without_the_radius_the_error_says_whence_it_comes(metric):
    with pytest.raises(ValueError, match="GloroModel"):
        metric.update_state(np.array([0]), np.array([[2.0, 1.0, 0.0]]))


@pytest.mark.parametrize(
    "epsilon",
    [-0.1, NAN, INF, "0.1", True, [], [0.1, -1], [0.1, 0.1], [[0.1]], {}],
)
def test_radii_that_are_none_are_refused(epsilon):
    with pytest.raises(ValueError, match="`epsilon` should be.*Received"):
        kl.metrics.VerifiedRobustAccuracy(epsilon)


@pytest.mark.parametrize("epsilon", [None, 1, 0.25, [0.1, 36 / 255], (0, 2)])
def test_configuration_round_trip(epsilon):
    metric = kl.metrics.VerifiedRobustAccuracy(epsilon, name="mine")
    config = json.loads(json.dumps(keras.metrics.serialize(metric)))
    twin = keras.metrics.deserialize(config)
    assert twin.get_config() == metric.get_config()
    assert twin.epsilon == metric.epsilon
    assert metric.needs_radius == (epsilon is not None)


@pytest.mark.parametrize(
    "name, cls",
    [
        ("vra", kl.metrics.VerifiedRobustAccuracy),
        ("clean_accuracy", kl.metrics.CleanAccuracy),
        ("rejection_rate", kl.metrics.RejectionRate),
        ("certified_radius", kl.metrics.CertifiedRadius),
    ],
)
def test_names(name, cls):
    metric = kl.metrics.get(name)
    assert type(metric) is cls and metric.name == name
    assert isinstance(metric, keras.metrics.Metric)
    for identifier in ("accuracy", metric, None):
        assert kl.metrics.get(identifier) is identifier
