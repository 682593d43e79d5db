"""Losses as Keras objects: names, configurations, the weight of TRADES."""

import json

import keras
import numpy as np
import pytest
from keras import ops

import keras_lipschitz as kl


def round_trip(loss):
    config = json.loads(json.dumps(keras.losses.serialize(loss)))
    return keras.losses.deserialize(config)


@pytest.mark.parametrize(
    "name, cls, form",
    [
        ("gloro_crossentropy", kl.losses.GloroCrossentropy, None),
        ("gloro_trades", kl.losses.GloroTrades, "kl"),
        ("gloro_trades_ce", kl.losses.GloroTrades, "ce"),
    ],
)
def test_names(name, cls, form):
    loss = kl.losses.get(name)
    assert type(loss) is cls
    assert getattr(loss, "form", None) == form


def test_what_is_not_ours_is_left_to_keras():
    loss = keras.losses.MeanSquaredError()
    for identifier in ("mse", None, loss, keras.losses.mean_squared_error):
        assert kl.losses.get(identifier) is identifier
    nested = kl.losses.get({"a": "mse", "b": ["gloro_trades"]})
    assert nested["a"] == "mse"
    assert isinstance(nested["b"][0], kl.losses.GloroTrades)


@pytest.mark.parametrize(
    "loss",
    [
        kl.losses.GloroCrossentropy(reduction="sum", name="mine"),
        kl.losses.GloroTrades(0.25, "ce", reduction="none", name="mine"),
        kl.losses.GloroTrades(),
    ],
)
def test_configuration_round_trip(loss):
    twin = round_trip(loss)
    assert twin.get_config() == loss.get_config()
    y_true, y_pred = np.array([0, 1]), np.array([[2.0, 1, 3], [0, 1, -1]])
    np.testing.assert_array_equal(
        ops.convert_to_numpy(twin(y_true, y_pred)),
        ops.convert_to_numpy(loss(y_true, y_pred)),
    )


def test_configuration_keeps_the_weight_as_it_is_now():
    loss = kl.losses.GloroTrades(1.0)
    loss.weight = 2.5
    assert float(ops.convert_to_numpy(round_trip(loss).weight)) == 2.5
    assert float(ops.convert_to_numpy(loss.weight)) == 2.5


def test_weight_may_be_an_integer_or_zero():
    y_true, y_pred = np.array([0]), np.array([[2.0, 1.0, 9.0]])
    clean = keras.losses.sparse_categorical_crossentropy(
        y_true, y_pred[:, :2], from_logits=True
    )
    value = kl.losses.GloroTrades(0)(y_true, y_pred)
    assert float(value) == pytest.approx(float(clean[0]), rel=1e-6)
    assert kl.losses.GloroTrades(np.float32(2)).get_config()["weight"] == 2.0


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, "1", None, True])
def test_weight_that_is_no_weight_is_refused(weight):
    with pytest.raises(ValueError, match="`weight` should be.*Received"):
        kl.losses.GloroTrades(weight)
    loss = kl.losses.GloroTrades(0.5)
    with pytest.raises(ValueError, match="`weight` should be.*Received"):
        loss.weight = weight
    assert float(ops.convert_to_numpy(loss.weight)) == 0.5


def test_unknown_form_and_reduction_are_refused():
    with pytest.raises(ValueError, match="`form` should be.*js"):
        kl.losses.GloroTrades(form="js")
    with pytest.raises(ValueError, match="reduction"):
        kl.losses.GloroTrades(reduction="median")
