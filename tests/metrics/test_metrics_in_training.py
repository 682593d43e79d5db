"""Metrics inside fit and evaluate, against the model's own certificates."""

import keras
import numpy as np
import pytest

import keras_lipschitz as kl

# The compiler of torch takes half a minute for each model.
JIT = keras.backend.backend() != "torch"
EPSILONS = (0.0, 0.2, 0.5)
NAMES = {
    "loss",
    "vra",
    "clean_accuracy",
    "rejection_rate",
    "certified_radius",
    "at_0",
    "at_0.2",
    "at_0.5",
}


def small_model(epsilon=0.3):
    keras.utils.set_random_seed(3)
    base = keras.Sequential(
        [
            keras.Input((4,)),
            kl.layers.LipschitzDense(6),
            kl.layers.MinMax(),
            keras.layers.Dense(3),
        ]
    )
    return kl.GloroModel(base, epsilon=epsilon)


def small_data(samples=50):
    random = np.random.default_rng(1)
    y = random.integers(0, 3, samples)
    x = random.normal(size=(samples, 4)) + 2 * np.eye(3, 4)[y]
    return x.astype("float32"), y


def compiled_model(**kwargs):
    model = small_model()
    metrics = {
        "metrics": [
            "vra",
            "clean_accuracy",
            "rejection_rate",
            "certified_radius",
            kl.metrics.VerifiedRobustAccuracy(EPSILONS, name="at"),
        ]
    }
    model.compile(
        keras.optimizers.Adam(1e-2),
        loss="gloro_crossentropy",
        **{**metrics, **kwargs},
    )
    return model


def expected_logs(model, x, y):
    """The same from `predict` and the certificate, sample by sample."""
    logits = model.predict(x, verbose=0)[:, :-1].astype("float64")
    rates = model.certificate.margin_constants
    radii, right = [], []
    for f, label in zip(logits, y, strict=True):
        j = int(np.argmax(f))
        margins = [(f[j] - f[i]) / rates[i, j] for i in range(3) if i != j]
        radii.append(min(margins))
        right.append(j == label)
    radii, right = np.array(radii), np.array(right)
    return {
        "vra": np.mean(right & (radii > model.epsilon)),
        "clean_accuracy": np.mean(right),
        "rejection_rate": np.mean(radii <= model.epsilon),
        "certified_radius": np.mean(radii * right),
        **{f"at_{e:g}": np.mean(right & (radii > e)) for e in EPSILONS},
    }


@pytest.mark.multi_backend
def test_evaluate_and_history_agree_with_the_certificates():
    model = compiled_model(jit_compile=JIT)
    x, y = small_data()
    history = model.fit(
        x, y, epochs=4, batch_size=16, validation_data=(x, y), verbose=0
    ).history
    assert set(history) == NAMES | {f"val_{name}" for name in NAMES}
    assert all(len(values) == 4 for values in history.values())
    assert all(isinstance(v, float) for v in history["at_0.2"])
    logs = model.evaluate(x, y, batch_size=16, return_dict=True, verbose=0)
    assert set(logs) == NAMES
    expected = expected_logs(model, x, y)
    assert {k: logs[k] for k in expected} == pytest.approx(expected, rel=1e-4)
    assert logs["vra"] > 0 and logs["certified_radius"] > 0
    # The validation of the last epoch saw the same weights and an estimate.
    last = {k: history[f"val_{k}"][-1] for k in expected}
    assert last == pytest.approx(expected, rel=1e-3)
    listed = model.evaluate(x, y, batch_size=16, verbose=0)
    assert sorted(listed) == pytest.approx(sorted(logs.values()), rel=1e-6)


@pytest.mark.multi_backend
def test_results_start_anew_with_every_evaluation():
    model = compiled_model()
    x, y = small_data()
    first = model.evaluate(x, y, return_dict=True, verbose=0)
    wrong = model.evaluate(x, (y + 1) % 3, return_dict=True, verbose=0)
    again = model.evaluate(x, y, return_dict=True, verbose=0)
    assert first == pytest.approx(again)
    assert wrong["certified_radius"] != pytest.approx(first["certified_radius"])


@pytest.mark.multi_backend
def test_one_hot_labels_and_train_on_batch():
    x, y = small_data()
    sparse, one_hot = compiled_model(), compiled_model()
    for _ in range(2):
        logs = sparse.train_on_batch(x, y, return_dict=True)
        twin = one_hot.train_on_batch(x, np.eye(3)[y], return_dict=True)
    assert set(logs) == NAMES
    assert logs == pytest.approx(twin, rel=1e-4)


@pytest.mark.multi_backend
def test_weighted_metrics():
    x, y = small_data()
    model = compiled_model(
        metrics=["vra"],
        weighted_metrics=[
            kl.metrics.CleanAccuracy(name="weighted_accuracy"),
            kl.metrics.CertifiedRadius(name="weighted_radius"),
        ],
    )
    weight = np.where(np.arange(len(y)) < 25, 1.0, 0.0)
    logs = model.evaluate(
        x, y, sample_weight=weight, return_dict=True, verbose=0
    )
    half = expected_logs(model, x[:25], y[:25])
    assert logs["weighted_accuracy"] == pytest.approx(half["clean_accuracy"])
    assert logs["weighted_radius"] == pytest.approx(
        half["certified_radius"], rel=1e-4
    )
    assert logs["vra"] == pytest.approx(expected_logs(model, x, y)["vra"])


@pytest.mark.multi_backend
def test_metrics_are_no_weights_and_recompiling_forgets_them():
    model = compiled_model()
    variables = [id(v) for v in model.metrics_variables]
    assert len(set(variables)) == len(variables)
    assert not set(variables) & {id(v) for v in model.variables}
    x, y = small_data()
    model.evaluate(x, y, verbose=0)
    model.compile("sgd", "gloro_crossentropy", metrics=["certified_radius"])
    logs = model.evaluate(x, y, return_dict=True, verbose=0)
    assert set(logs) == {"loss", "certified_radius"}


def test_a_saved_model_keeps_its_metrics(tmp_path):
    model = compiled_model(weighted_metrics=["vra"])
    x, y = small_data()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    logs = model.evaluate(x, y, return_dict=True, verbose=0)
    assert twin.evaluate(x, y, return_dict=True, verbose=0) == pytest.approx(
        logs, rel=1e-6
    )


def test_early_stopping_knows_which_way_is_up(tmp_path):
    model = compiled_model()
    x, y = small_data()
    stop = keras.callbacks.EarlyStopping("val_vra", patience=50)
    keep = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5",
        monitor="val_rejection_rate",
        save_best_only=True,
        save_weights_only=True,
    )
    history = model.fit(
        x,
        y,
        epochs=3,
        validation_data=(x, y),
        callbacks=[stop, keep],
        verbose=0,
    ).history
    assert stop.best == max(history["val_vra"])
    assert keep.best == min(history["val_rejection_rate"])
