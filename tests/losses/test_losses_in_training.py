"""Losses inside the compiled steps of a GloroModel."""

import keras
import numpy as np
import pytest
import slow_losses
from keras import ops

import keras_lipschitz as kl

NAMES = ["gloro_crossentropy", "gloro_trades", "gloro_trades_ce"]
# The compiler of torch takes half a minute for each model.
JIT = keras.backend.backend() != "torch"


def linear_model(epsilon=0.5):
    """One orthogonal layer: the power method is exact at every iterate."""
    base = keras.Sequential(
        [
            keras.Input((4,)),
            kl.layers.LipschitzDense(4, use_bias=False),
            keras.layers.Dense(3),
        ]
    )
    random = np.random.default_rng(0)
    base.layers[0].kernel.assign(np.linalg.qr(random.normal(size=(4, 4)))[0])
    base.layers[1].kernel.assign(random.normal(size=(4, 3)))
    return kl.GloroModel(base, epsilon=epsilon)


def linear_data(samples=12):
    random = np.random.default_rng(1)
    x = 3 * random.normal(size=(samples, 4)).astype("float32")
    return x, random.integers(0, 3, samples)


def outputs_of(model, x):
    """Logits and bottom of `linear_model`, computed by hand."""
    first, last = model.base.get_weights()[0], model.base.layers[1]
    kernel, bias = map(ops.convert_to_numpy, (last.kernel, last.bias))
    logits = (x @ first @ kernel + bias).astype("float64")
    rows = []
    for f in logits:
        j = int(np.argmax(f))
        bottom = max(
            f[i] + model.epsilon * np.linalg.norm(kernel[:, i] - kernel[:, j])
            for i in range(3)
            if i != j
        )
        rows.append([*f, bottom])
    return np.array(rows)


def frozen(model, loss, **kwargs):
    """Compiled so that training changes nothing."""
    model.compile(keras.optimizers.SGD(0.0), loss=loss, **kwargs)


@pytest.mark.multi_backend
def test_the_weight_is_read_anew_by_the_compiled_steps():
    model = linear_model()
    x, y = linear_data()
    outputs = outputs_of(model, x)
    loss = kl.losses.GloroTrades(0.0)
    frozen(model, loss, jit_compile=JIT)
    for weight in (0.0, 1.0, 3.5):
        loss.weight = weight
        expected = slow_losses.per_sample(
            slow_losses.gloro_trades, np.eye(3)[y], outputs, weight=weight
        ).mean()
        history = model.fit(x, y, batch_size=12, verbose=0).history
        assert history["loss"][0] == pytest.approx(expected, rel=1e-4)
        value = model.evaluate(x, y, verbose=0)
        assert value == pytest.approx(expected, rel=1e-4)
        value = model.train_on_batch(x, y)
        assert float(value) == pytest.approx(expected, rel=1e-4)
        assert float(ops.convert_to_numpy(loss.weight)) == weight


@pytest.mark.multi_backend
def test_the_weight_of_a_loss_is_no_weight_of_the_model():
    model = linear_model()
    before = [v.path for v in model.weights]
    model.compile("sgd", loss="gloro_trades")
    assert [v.path for v in model.weights] == before
    assert len(model.get_weights()) == len(before)
    assert len(set(map(id, model.variables))) == len(model.variables)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_by_name_equals_its_definition(name):
    model = linear_model()
    x, y = linear_data()
    frozen(model, name)
    slow = {
        "gloro_crossentropy": slow_losses.gloro_crossentropy,
        "gloro_trades": slow_losses.gloro_trades,
        "gloro_trades_ce": lambda t, o: slow_losses.gloro_trades(t, o, 1, "ce"),
    }[name]
    outputs = outputs_of(model, x)
    expected = slow_losses.per_sample(slow, np.eye(3)[y], outputs).mean()
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-4)


@pytest.mark.multi_backend
def test_class_weight_and_sample_weight_in_fit():
    model = linear_model()
    x, y = linear_data()
    frozen(model, "gloro_trades")
    values = slow_losses.per_sample(
        slow_losses.gloro_trades, np.eye(3)[y], outputs_of(model, x)
    )
    class_weight = {0: 1.0, 1: 0.25, 2: 3.0}
    by_class = np.array([class_weight[label] for label in y])
    by_sample = np.random.default_rng(4).random(len(y))
    for expected, labels, weights in (
        (values * by_class, y, {"class_weight": class_weight}),
        (values * by_sample, y, {"sample_weight": by_sample}),
        (values * by_class, np.eye(3)[y], {"class_weight": class_weight}),
    ):
        history = model.fit(
            x, labels, batch_size=12, verbose=0, **weights
        ).history
        assert history["loss"][0] == pytest.approx(expected.mean(), rel=1e-4)


@pytest.mark.multi_backend
def test_training_lowers_the_loss_and_moves_every_kernel():
    keras.utils.set_random_seed(0)
    for name in NAMES:
        model = linear_model(epsilon=0.1)
        before = [np.array(w) for w in model.base.get_weights()]
        x, y = linear_data()
        model.compile(keras.optimizers.Adam(1e-2), loss=name)
        losses = model.fit(x, y, epochs=10, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        for layer in range(2):
            change = model.base.get_weights()[layer] - before[layer]
            assert np.abs(change).max() > 0


def test_a_saved_model_keeps_the_weight_of_its_loss(tmp_path):
    model = linear_model()
    x, y = linear_data()
    loss = kl.losses.GloroTrades(1.0, form="ce")
    frozen(model, loss)
    loss.weight = 2.25
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.loss.get_config() == loss.get_config()
    assert twin.evaluate(x, y, verbose=0) == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-6
    )
