"""The callback that converges the power method."""

import csv

import keras
import numpy as np
import pytest
from keras import ops

import keras_lipschitz as kl


def image_model():
    base = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same", name="a"),
            kl.layers.MinMax(),
            kl.layers.LipschitzConv2D(4, 2, name="b"),
            keras.layers.Flatten(),
            kl.layers.LipschitzDense(8, name="c"),
            kl.layers.MinMax(),
            keras.layers.Dense(3, name="head"),
        ]
    )
    model = kl.GloroModel(base, epsilon=0.1)
    model.compile(keras.optimizers.Adam(0.05), loss="gloro_crossentropy")
    return model


def image_data(samples=32):
    random = np.random.default_rng(0)
    y = random.integers(0, 3, samples)
    return random.random((samples, 6, 6, 2)).astype("float32"), y


def true_norms(model):
    """The largest singular values of the layers' explicit matrices."""
    shapes = {"a": (6, 6, 2), "b": (3, 3, 4), "c": (16,)}
    norms = {}
    for name, shape in shapes.items():
        layer = model.base.get_layer(name)
        size = int(np.prod(shape))
        units = np.eye(size, dtype="float32").reshape(size, *shape)
        zero = np.zeros((1, *shape), "float32")
        # An affine map minus its value at zero.
        rows = ops.convert_to_numpy(layer(units) - layer(zero))
        norms[name] = np.linalg.svd(rows.reshape(size, -1), compute_uv=False)[0]
    return norms


def estimated_norms(model):
    """What the next training step would take, from the stored vectors."""
    names = model.bound.composition.names
    estimates = model.bound.estimated_norms()
    return {
        names[key]: float(ops.convert_to_numpy(norm))
        for key, norm in estimates.items()
    }


class Estimates(keras.callbacks.Callback):
    """Keeps the error of the estimates at the end of every epoch."""

    def __init__(self):
        super().__init__()
        self.errors = []

    def on_epoch_end(self, epoch, logs=None):
        estimates, truth = estimated_norms(self.model), true_norms(self.model)
        self.errors.append(max(1 - estimates[n] / truth[n] for n in truth))


@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.multi_backend
def test_training_goes_on_from_converged_vectors(validate):
    model = image_model()
    x, y = image_data()
    validation = {"validation_data": (x, y)} if validate else {}
    estimates = Estimates()
    history = model.fit(
        x,
        y,
        batch_size=4,
        epochs=2,
        callbacks=[kl.callbacks.LipschitzUpdate(per_layer=True), estimates],
        verbose=0,
        **validation,
    ).history
    assert max(estimates.errors) < 1e-4
    truth = true_norms(model)
    logged = {name: history[f"lipschitz/{name}"][-1] for name in truth}
    assert logged == pytest.approx(truth, rel=1e-4)
    body = np.prod(list(truth.values()))
    assert history["lipschitz"][-1] == pytest.approx(body, rel=1e-4)
    assert len(history["lipschitz"]) == 2
    assert history["lipschitz"][0] != history["lipschitz"][1]


def test_without_it_the_vectors_lag_behind():
    """The truth that makes the test above mean something."""
    model = image_model()
    x, y = image_data()
    estimates = Estimates()
    model.fit(x, y, batch_size=4, epochs=2, callbacks=[estimates], verbose=0)
    assert max(estimates.errors) > 1e-3


def test_before_the_first_step_the_vectors_are_converged():
    model = image_model()
    x, y = image_data()
    errors = []

    class Before(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            estimates, truth = estimated_norms(model), true_norms(model)
            errors.append(max(1 - estimates[n] / truth[n] for n in truth))

    callbacks = [kl.callbacks.LipschitzUpdate(), Before()]
    model.fit(x, y, batch_size=32, callbacks=callbacks, verbose=0)
    assert max(errors) < 1e-4


@pytest.mark.parametrize("validate, times", [(False, 4), (True, 4)])
def test_the_norms_are_computed_once_an_epoch(validate, times, monkeypatch):
    model = image_model()
    x, y = image_data()
    made = []
    certify = type(model).certify

    def counted(self, level="R"):
        made.append(level)
        return certify(self, level)

    monkeypatch.setattr(type(model), "certify", counted)
    model.fit(
        x,
        y,
        epochs=3,
        validation_data=(x, y) if validate else None,
        callbacks=[kl.callbacks.LipschitzUpdate()],
        verbose=0,
    )
    assert made == ["estimate"] * times


def test_what_it_logs_reaches_the_loggers(tmp_path):
    model = image_model()
    x, y = image_data()
    path = tmp_path / "log.csv"
    model.fit(
        x,
        y,
        epochs=2,
        callbacks=[
            kl.callbacks.LipschitzUpdate(),
            keras.callbacks.CSVLogger(path),
        ],
        verbose=0,
    )
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["lipschitz"]) > 0 for row in rows)
    assert "lipschitz/a" not in rows[0]


def test_no_certificate_outlives_the_training():
    model = image_model()
    x, y = image_data()
    callbacks = [kl.callbacks.LipschitzUpdate()]
    model.fit(x, y, callbacks=callbacks, verbose=0)
    assert model.certificate is None
    model.predict(x, verbose=0)
    assert model.certificate.rigorous
