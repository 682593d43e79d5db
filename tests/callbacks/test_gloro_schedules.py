"""Schedules of what a GloroModel trains with, as its compiled steps see it."""

import keras
import numpy as np
import pytest
import slow_schedule
from keras import ops
from recorder import Recorder
from recorder import data
from recorder import linear_model
from recorder import slow_loss

import keras_lipschitz as kl

# The compiler of torch takes half a minute for each model.
JIT = keras.backend.backend() != "torch"


def fit(model, callbacks, epochs=3, batch_size=4, **kwargs):
    x, y = data()
    return model.fit(
        x,
        y,
        batch_size=batch_size,
        epochs=epochs,
        shuffle=False,
        validation_data=(x, y),
        callbacks=callbacks,
        verbose=0,
        **kwargs,
    ).history


@pytest.mark.multi_backend
def test_training_follows_epsilon_and_validation_is_at_the_target():
    model = linear_model(epsilon=0.5)
    x, y = data()
    model.compile(
        keras.optimizers.SGD(0.0),
        loss="gloro_crossentropy",
        metrics=["vra", "rejection_rate"],
        jit_compile=JIT,
    )
    target = model.evaluate(x, y, verbose=0, return_dict=True)
    assert target["loss"] == pytest.approx(slow_loss(model, x, y, 0.5), 1e-4)
    recorder = Recorder()
    schedule = kl.callbacks.EpsilonSchedule(0.05, 1.4, reached_at=0.5)
    history = fit(model, [schedule, recorder])
    expected = slow_schedule.values(0.05, 1.4, "linear", 0.0, 0.5, 12)
    logged = [logs["training_epsilon"] for logs in recorder.batch_logs]
    assert logged == pytest.approx(expected, rel=1e-9)
    losses = [
        slow_loss(model, x[i : i + 4], y[i : i + 4], epsilon)
        for i, epsilon in zip(3 * [0, 4, 8, 12], expected, strict=True)
    ]
    assert recorder.losses(4) == pytest.approx(losses, rel=2e-3)
    assert history["training_epsilon"][-1] == 1.4
    for name, value in target.items():
        assert history[f"val_{name}"] == pytest.approx([value] * 3, rel=1e-4)
    assert model.epsilon == 0.5
    epsilon = float(ops.convert_to_numpy(model.training_epsilon))
    assert epsilon == pytest.approx(1.4, rel=1e-6)
    after = model.evaluate(x, y, verbose=0, return_dict=True)
    assert after == pytest.approx(target, rel=1e-4)


@pytest.mark.multi_backend
def test_the_compiled_step_follows_the_weight_of_trades():
    model = linear_model(epsilon=0.5)
    x, y = data()
    loss = kl.losses.GloroTrades(9.0)
    model.compile(keras.optimizers.SGD(0.0), loss=loss, jit_compile=JIT)
    recorder = Recorder()
    schedule = kl.callbacks.TradesSchedule(0.0, 2.0)
    history = fit(model, [schedule, recorder])
    expected = slow_schedule.values(0.0, 2.0, "linear", 0.0, 1.0, 12)
    logged = [logs["trades_weight"] for logs in recorder.batch_logs]
    assert logged == pytest.approx(expected, rel=1e-9)
    losses = [
        slow_loss(model, x[i : i + 4], y[i : i + 4], 0.5, weight)
        for i, weight in zip(3 * [0, 4, 8, 12], expected, strict=True)
    ]
    assert recorder.losses(4) == pytest.approx(losses, rel=2e-3)
    assert history["trades_weight"] == pytest.approx(expected[3::4])
    assert loss.get_config()["weight"] == 2.0
    validation = [
        slow_loss(model, x, y, 0.5, weight) for weight in expected[3::4]
    ]
    assert history["val_loss"] == pytest.approx(validation, rel=1e-4)


@pytest.mark.multi_backend
def test_the_optimizer_follows_the_learning_rate():
    # The loss is the weight itself, so a step moves it by the learning rate.
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(
        keras.optimizers.SGD(0.1),
        loss=lambda y_true, y_pred: y_pred,
        jit_compile=JIT,
    )
    recorder = Recorder(lambda model: model.layers[0].kernel[0, 0])
    ones = np.ones((5, 1))
    history = model.fit(
        ones,
        ones,
        batch_size=1,
        epochs=4,
        callbacks=[kl.callbacks.LearningRateDecay(1e-3), recorder],
        verbose=0,
    ).history
    rates = slow_schedule.values(0.1, 1e-3, "exponential", 0.5, 1.0, 20)
    assert rates[:10] == [0.1] * 10 and rates[-1] == 1e-3
    assert rates[10] < 0.1
    steps = -np.diff(recorder.seen)
    np.testing.assert_allclose(steps, rates[:-1], rtol=1e-3, atol=1e-6)
    assert history["learning_rate"] == pytest.approx(rates[4::5], rel=1e-6)
    final = float(ops.convert_to_numpy(model.optimizer.learning_rate))
    assert final == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_learning_rate_with_a_given_start_and_another_shape(shape):
    model = linear_model()
    model.compile(keras.optimizers.Adam(0.5), loss="gloro_crossentropy")
    schedule = kl.callbacks.LearningRateDecay(
        0.0, start=0.02, shape=shape, begin_at=0.25
    )
    history = fit(model, [schedule], epochs=5)
    expected = slow_schedule.values(0.02, 0.0, shape, 0.25, 1.0, 20)
    assert history["learning_rate"] == pytest.approx(expected[3::4], abs=1e-9)
    assert history["learning_rate"][-1] == 0.0


@pytest.mark.multi_backend
def test_all_schedules_together_reach_their_ends():
    model = linear_model(epsilon=0.3)
    model.compile(
        keras.optimizers.Adam(1e-2), loss="gloro_trades", metrics=["vra"]
    )
    history = fit(
        model,
        [
            kl.callbacks.EpsilonSchedule(0.01, 0.33, "logarithmic"),
            kl.callbacks.TradesSchedule(0.5, 2.0, "cosine"),
            kl.callbacks.LearningRateDecay(1e-5),
            kl.callbacks.LipschitzUpdate(),
        ],
        epochs=4,
    )
    assert history["training_epsilon"][-1] == 0.33
    assert history["trades_weight"][-1] == 2.0
    assert history["learning_rate"][-1] == 1e-5
    assert history["learning_rate"][0] == pytest.approx(1e-2)
    assert set(history) == {
        "loss",
        "val_loss",
        "vra",
        "val_vra",
        "training_epsilon",
        "trades_weight",
        "learning_rate",
        "lipschitz",
    }


def test_the_decay_works_with_loss_scaling():
    model = linear_model()
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    model.compile(optimizer, loss="gloro_crossentropy")
    history = fit(model, [kl.callbacks.LearningRateDecay(1e-3)])
    assert history["learning_rate"][-1] == 1e-3
    rate = float(ops.convert_to_numpy(optimizer.inner_optimizer.learning_rate))
    assert rate == pytest.approx(1e-3)


def test_an_optimizer_with_a_schedule_of_its_own_is_refused():
    model = linear_model()
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(keras.optimizers.SGD(rate), loss="gloro_crossentropy")
    with pytest.raises(ValueError, match="learning_rate"):
        fit(model, [kl.callbacks.LearningRateDecay(1e-3)])


@pytest.mark.parametrize(
    "callback",
    [
        kl.callbacks.EpsilonSchedule(0.1, 0.2),
        kl.callbacks.TradesSchedule(0.1, 0.2),
        kl.callbacks.LipschitzUpdate(),
    ],
)
def test_a_plain_keras_model_is_refused(callback):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    name = type(callback).__name__
    with pytest.raises(ValueError, match=f"{name}.*GloroModel.*Received.*"):
        fit(model, [callback])


def test_a_loss_without_weight_is_refused():
    model = linear_model()
    model.compile("sgd", loss="gloro_crossentropy")
    with pytest.raises(ValueError, match="GloroTrades.*Received"):
        fit(model, [kl.callbacks.TradesSchedule(0.0, 2.0)])
