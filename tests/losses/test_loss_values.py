"""Values and gradients of every loss, against its definition."""

import functools

import keras
import numpy as np
import pytest
import slow_losses
from backend_gradient import value_and_gradient
from keras import ops

import keras_lipschitz as kl

LOSSES = {
    "crossentropy": (
        lambda **kwargs: kl.losses.GloroCrossentropy(**kwargs),
        slow_losses.gloro_crossentropy,
    ),
    "trades_kl": (
        lambda **kwargs: kl.losses.GloroTrades(1.7, "kl", **kwargs),
        functools.partial(slow_losses.gloro_trades, weight=1.7, form="kl"),
    ),
    "trades_ce": (
        lambda **kwargs: kl.losses.GloroTrades(0.6, "ce", **kwargs),
        functools.partial(slow_losses.gloro_trades, weight=0.6, form="ce"),
    ),
}

every_loss = pytest.mark.parametrize("name", LOSSES)
INF = float("inf")


def sample_outputs(samples=40, classes=5, scale=3.0, seed=0):
    random = np.random.default_rng(seed)
    outputs = scale * random.normal(size=(samples, classes + 1))
    labels = random.integers(0, classes, samples)
    return labels, outputs


def reference(name, targets, outputs):
    return slow_losses.per_sample(LOSSES[name][1], targets, outputs)


@every_loss
@pytest.mark.multi_backend
def test_values_match_the_definition(name):
    labels, outputs = sample_outputs()
    loss = LOSSES[name][0](reduction="none")
    expected = reference(name, np.eye(5)[labels], outputs)
    values, _ = value_and_gradient(
        lambda x: loss(labels, x), outputs.astype("float32")
    )
    assert values.shape == (40,)
    np.testing.assert_allclose(values, expected, rtol=2e-6, atol=2e-6)


@every_loss
@pytest.mark.multi_backend
def test_gradients_match_finite_differences(name):
    labels, outputs = sample_outputs(samples=6)
    loss = LOSSES[name][0](reduction="none")
    targets = np.eye(5)[labels]
    expected = slow_losses.finite_differences(
        lambda x: reference(name, targets, x), outputs
    )
    _, gradient = value_and_gradient(lambda x: loss(labels, x), outputs)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


@every_loss
@pytest.mark.multi_backend
def test_labels_in_every_form_mean_the_same(name):
    labels, outputs = sample_outputs()
    outputs = outputs.astype("float32")
    loss = LOSSES[name][0](reduction="none")
    expected = ops.convert_to_numpy(loss(labels, outputs))
    one_hot = np.eye(5)[labels]
    for given in (
        labels.astype("int32"),
        labels.astype("uint8"),
        labels.astype("float64"),
        labels[:, None],
        one_hot,
        one_hot.astype("int64"),
        one_hot.astype(bool),
    ):
        values = ops.convert_to_numpy(loss(given, outputs))
        np.testing.assert_array_equal(values, expected)


@every_loss
@pytest.mark.multi_backend
def test_soft_labels(name):
    _, outputs = sample_outputs()
    targets = np.random.default_rng(1).dirichlet(np.ones(5), 40)
    loss = LOSSES[name][0](reduction="none")
    values = loss(targets, outputs.astype("float32"))
    np.testing.assert_allclose(
        ops.convert_to_numpy(values),
        reference(name, targets, outputs),
        rtol=2e-6,
        atol=2e-6,
    )


EXTREME_OUTPUTS = np.array(
    [
        [1e4, -1e4, 0.0, 5.0],
        [-1e4, 1e4, 0.0, 1e4],
        [1e4, 1e4, 1e4, 1e4],
        [-1e4, -1e4, -1e4, -1e4],
        [0.0, 0.0, 0.0, 1e4],
        [0.0, 0.0, 0.0, -1e4],
        [1.0, 2.0, 3.0, -INF],
        [1e4, -1e4, 1e4, -INF],
        [3e37, -3e37, 0.0, 1.0],
    ]
)


@every_loss
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.multi_backend
def test_extreme_outputs(name, label):
    labels = np.full(len(EXTREME_OUTPUTS), label)
    loss = LOSSES[name][0](reduction="none")
    expected = reference(name, np.eye(3)[labels], EXTREME_OUTPUTS)
    values, gradient = value_and_gradient(
        lambda x: loss(labels, x), EXTREME_OUTPUTS
    )
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() < 3.5


@every_loss
@pytest.mark.multi_backend
def test_infinite_bottom_costs_infinitely_with_a_finite_gradient(name):
    outputs = np.array([[1.0, -2.0, 0.5, INF], [1e4, -1e4, 0.0, INF]])
    labels = np.array([0, 1])
    loss = LOSSES[name][0](reduction="none")
    values, gradient = value_and_gradient(lambda x: loss(labels, x), outputs)
    assert np.isposinf(values).all()
    assert np.isfinite(gradient).all()
    assert (gradient[:, -1] > 0).all()


@every_loss
@pytest.mark.multi_backend
def test_a_label_that_is_no_class_gives_nan_for_its_sample_alone(name):
    _, outputs = sample_outputs(samples=4, classes=3)
    loss = LOSSES[name][0](reduction="none")
    for bad in (-1, 3, 1000, np.nan, 0.5, 2.0**31):
        values = loss(np.array([0, bad, 2, 1], "float64"), outputs)
        isnan = np.isnan(ops.convert_to_numpy(values))
        np.testing.assert_array_equal(isnan, [False, True, False, False])
    one_hot = np.eye(3)[[0, 1, 2, 1]]
    for row in ([0, 0, 0], [np.nan, 0, 1]):
        one_hot[1] = row
        isnan = np.isnan(ops.convert_to_numpy(loss(one_hot, outputs)))
        np.testing.assert_array_equal(isnan, [False, True, False, False])


@every_loss
@pytest.mark.multi_backend
def test_an_output_that_is_nan_is_seen(name):
    outputs = np.zeros((4, 4), "float32")
    outputs[0, 0] = outputs[1, 1] = outputs[2, 3] = np.nan
    loss = LOSSES[name][0](reduction="none")
    isnan = np.isnan(ops.convert_to_numpy(loss(np.zeros(4), outputs)))
    np.testing.assert_array_equal(isnan, [True, True, True, False])


@every_loss
@pytest.mark.parametrize(
    "shape", [(8, 4), (8, 2), (8, 3, 1), (8, 1, 1), (), (8, 3, 3)]
)
def test_labels_of_a_wrong_shape_are_refused(name, shape):
    _, outputs = sample_outputs(samples=8, classes=3)
    with pytest.raises(ValueError, match=r"labels of shape .*Received"):
        LOSSES[name][0]()(np.zeros(shape), outputs)


@every_loss
@pytest.mark.multi_backend
def test_reduction_and_sample_weight(name):
    labels, outputs = sample_outputs()
    values = reference(name, np.eye(5)[labels], outputs)
    weight = np.random.default_rng(2).random(40)
    for reduction, expected in {
        "none": values,
        "sum": values.sum(),
        "sum_over_batch_size": values.mean(),
        "mean_with_sample_weight": values.mean(),
    }.items():
        loss = LOSSES[name][0](reduction=reduction)
        value = ops.convert_to_numpy(loss(labels, outputs))
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)
    for reduction, expected in {
        "none": values * weight,
        "sum": (values * weight).sum(),
        "sum_over_batch_size": (values * weight).mean(),
        "mean_with_sample_weight": np.average(values, weights=weight),
    }.items():
        loss = LOSSES[name][0](reduction=reduction)
        value = ops.convert_to_numpy(loss(labels, outputs, weight))
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)


@every_loss
def test_half_precision_outputs_are_summed_in_float32(name):
    labels, outputs = sample_outputs()
    loss = LOSSES[name][0](reduction="none")
    half = ops.cast(outputs, "bfloat16")
    exact = ops.convert_to_numpy(ops.cast(half, "float32"))
    values = loss(labels, half)
    assert keras.backend.standardize_dtype(values.dtype) == "float32"
    expected = reference(name, np.eye(5)[labels], exact)
    np.testing.assert_allclose(
        ops.convert_to_numpy(values), expected, rtol=1e-5, atol=1e-5
    )


@every_loss
def test_permuting_the_classes_changes_nothing(name):
    labels, outputs = sample_outputs()
    order = np.random.default_rng(3).permutation(5)
    permuted = np.concatenate([outputs[:, order], outputs[:, 5:]], axis=1)
    loss = LOSSES[name][0](reduction="none")
    np.testing.assert_allclose(
        ops.convert_to_numpy(loss(np.argsort(order)[labels], permuted)),
        ops.convert_to_numpy(loss(labels, outputs)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_trades_of_weight_one_is_the_crossentropy():
    labels, outputs = sample_outputs()
    np.testing.assert_allclose(
        ops.convert_to_numpy(kl.losses.GloroTrades()(labels, outputs)),
        ops.convert_to_numpy(kl.losses.GloroCrossentropy()(labels, outputs)),
        rtol=1e-6,
    )
