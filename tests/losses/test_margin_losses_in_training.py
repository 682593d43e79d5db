"""Losses that see the slack inside the compiled steps of a GloroModel."""

import keras
import numpy as np
import pytest
import slow_margin_losses as slow
from keras import ops
from test_losses_in_training import linear_data
from test_losses_in_training import linear_model

import keras_lipschitz as kl

multi_backend = pytest.mark.multi_backend
JIT = keras.backend.backend() != "torch"


def logits_and_rows(model, x):
    """What the slack of `linear_model` is made of; its body is orthogonal."""
    first, last = model.base.get_weights()[0], model.base.layers[1]
    kernel = ops.convert_to_numpy(last.kernel).astype("float64")
    logits = x @ first @ kernel + ops.convert_to_numpy(last.bias)
    return logits, kernel.T


def margin_slack(rows, label, epsilon):
    return (epsilon * np.linalg.norm(rows - rows[label], axis=1)).tolist()


def expected_emma(model, x, y, epsilon):
    logits, rows = logits_and_rows(model, x)
    return np.array(
        [
            slow.emma(f.tolist(), margin_slack(rows, k, epsilon), k)
            for f, k in zip(logits, y, strict=True)
        ]
    )


@multi_backend
def test_slack_is_anchored_at_the_label_and_at_the_right_radius():
    model = linear_model(epsilon=0.5)
    x, y = linear_data()
    model.training_epsilon = 0.8
    model.compile(
        keras.optimizers.SGD(0.0), "emma", metrics=["vra"], jit_compile=JIT
    )
    weight = np.linspace(0, 2, len(y))
    history = model.fit(x, y, 12, sample_weight=weight, verbose=0).history
    expected = expected_emma(model, x, y, 0.8)
    assert history["loss"][0] == pytest.approx(
        (weight * expected).mean(), rel=1e-4
    )
    value, _ = model.evaluate(x, y, verbose=0)
    expected = expected_emma(model, x, y, 0.5)
    assert value == pytest.approx(expected.mean(), rel=1e-4)
    value, _ = model.evaluate(x, np.eye(3)[y], verbose=0)
    assert value == pytest.approx(expected.mean(), rel=1e-4)


def test_iterates_advance_once_a_step():
    """As with a loss that does not look at the slack."""
    vectors = []
    for loss in ("gloro_crossentropy", "emma"):
        keras.utils.set_random_seed(0)
        base = keras.Sequential(
            [
                keras.Input((6,)),
                kl.layers.LipschitzDense(5),
                keras.layers.ReLU(),
                keras.layers.Dense(3),
            ]
        )
        model = kl.GloroModel(base, 0.1)
        model.compile(keras.optimizers.SGD(0.0), loss=loss)
        random = np.random.default_rng(0)
        x = random.normal(size=(8, 6)).astype("float32")
        model.train_on_batch(x, np.zeros(8))
        iterate = base.layers[0].power_iterate.vector
        vectors.append(ops.convert_to_numpy(iterate))
    np.testing.assert_allclose(*vectors, rtol=1e-6)


@multi_backend
def test_calibrated_loss_has_its_own_radius_and_numbers_that_move():
    model = linear_model(epsilon=0.5)
    x, y = linear_data()
    logits, rows = logits_and_rows(model, x)
    loss = kl.losses.CalibratedLipschitzMargin(0.2, 0.1, regularization=0.01)
    model.compile(keras.optimizers.SGD(0.0), loss, jit_compile=JIT)

    def expected(epsilon, p):
        return np.mean(
            [
                slow.cll_pairwise(
                    f.tolist(),
                    margin_slack(rows, k, epsilon),
                    k,
                    epsilon,
                    p,
                    weight=0.01,
                )
                for f, k in zip(logits, y, strict=True)
            ]
        )

    schedules = [
        kl.callbacks.LossSchedule("p", 0.1, 1e-3, shape="exponential"),
        kl.callbacks.LossSchedule("epsilon", 0.2, 0.1),
    ]
    history = model.fit(x, y, 12, epochs=3, callbacks=schedules, verbose=0)
    np.testing.assert_allclose(history.history["p"], [0.1, 0.01, 1e-3])
    np.testing.assert_allclose(
        history.history["loss"],
        [expected(0.2, 0.1), expected(0.15, 0.01), expected(0.1, 1e-3)],
        rtol=1e-4,
    )
    assert model.evaluate(x, y, verbose=0) == pytest.approx(
        expected(0.1, 1e-3), rel=1e-4
    )


def test_per_logit_constants():
    model = linear_model()
    x, y = linear_data()
    logits, rows = logits_and_rows(model, x)
    loss = kl.losses.CalibratedLipschitzMargin(0.2, 0.1, form="per_logit")
    model.compile(keras.optimizers.SGD(0.0), loss)
    slack = (0.2 * np.linalg.norm(rows, axis=1)).tolist()
    expected = np.mean(
        [
            slow.cll_per_logit(f.tolist(), slack, k, 0.2, 0.1)
            for f, k in zip(logits, y, strict=True)
        ]
    )
    value = model.fit(x, y, 12, verbose=0).history["loss"][0]
    assert value == pytest.approx(expected, rel=1e-4)


def test_schedule_asks_for_a_loss_with_that_number():
    model = linear_model()
    x, y = linear_data()
    model.compile("sgd", "emma")
    with pytest.raises(ValueError, match="LossSchedule moves 'p'.*Received"):
        model.fit(x, y, callbacks=[kl.callbacks.LossSchedule("p", 0.1, 0.2)])


def test_mixed_precision_training_and_a_saved_model(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    model = linear_model(epsilon=0.1)
    x, y = linear_data(64)
    loss = kl.losses.CalibratedLipschitzMargin(0.1, 0.3, regularization=1e-3)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["vra"])
    losses = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.loss.get_config() == loss.get_config()
    np.testing.assert_allclose(
        twin.evaluate(x, y, verbose=0),
        model.evaluate(x, y, verbose=0),
        rtol=1e-5,
    )


def test_binary_model():
    """One logit: the loss is that of the paper's binary form."""
    base = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(1),
            kl.layers.BinaryLogits(),
        ]
    )
    model = kl.GloroModel(base, 0.1)
    model.bound.power_iterations = 5
    x, y = linear_data()
    y = y % 2
    kernel, bias = base.layers[0].get_weights()
    constant = np.linalg.norm(kernel)
    assert model.certify().margin_constants[0, 1] == pytest.approx(constant)
    loss = kl.losses.CalibratedLipschitzMargin(0.15, 0.25, offset=1.0)
    model.compile(keras.optimizers.SGD(0.0), loss)
    f = (x @ kernel + bias)[:, 0].astype("float64")
    sign = 2.0 * y - 1.0
    expected = np.log1p(
        np.exp(-(sign * f / constant - 0.15) / loss.sigma)
    ).mean()
    value = model.fit(x, y, 12, verbose=0).history["loss"][0]
    assert value == pytest.approx(expected, rel=1e-4)
    labels, radii = model.predict_certified(x)
    np.testing.assert_allclose(radii, np.abs(f) / constant, rtol=1e-5)
    with pytest.raises(ValueError, match="one logit.*Received"):
        kl.layers.BinaryLogits().build((None, 2))
