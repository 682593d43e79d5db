"""GloroModel under everything that `compile` and `fit` offer."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from small import small_classifier

import keras_lipschitz as kl
from keras_lipschitz.layers.power_iterate import PowerIterate

multi_backend = pytest.mark.multi_backend


def train(data, epochs=3, base=None, fit=(), **compile_arguments):
    keras.utils.set_random_seed(3)
    model = kl.GloroModel(base or small_classifier(), 0.1)
    compile_arguments.setdefault("loss", "gloro_crossentropy")
    model.compile(keras.optimizers.Adam(1e-2), **compile_arguments)
    history = model.fit(
        *data, epochs=epochs, batch_size=32, verbose=0, **dict(fit)
    )
    return model, history.history


def kernels(model):
    return [keras.ops.convert_to_numpy(w) for w in model.base.trainable_weights]


@multi_backend
@pytest.mark.parametrize("loss", ["gloro_crossentropy", "gloro_trades"])
def test_loss_falls(data, loss):
    _, history = train(data, epochs=8, loss=loss)
    assert history["loss"][-1] < 0.9 * history["loss"][0]


@multi_backend
def test_compiled_step_equals_eager_step(data):
    if keras.backend.backend() == "torch":
        pytest.skip("torch.compile needs a compiler of its own")
    plain, _ = train(data, run_eagerly=True)
    compiled, _ = train(data, jit_compile=True)
    for a, b in zip(kernels(plain), kernels(compiled), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


@multi_backend
def test_steps_per_execution(data):
    if keras.backend.backend() == "torch":
        pytest.skip("Keras has no steps_per_execution on torch")
    one, _ = train(data, fit={"shuffle": False})
    three, _ = train(data, fit={"shuffle": False}, steps_per_execution=3)
    for a, b in zip(kernels(one), kernels(three), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


@multi_backend
def test_same_seed_same_weights(data):
    first, _ = train(data)
    second, _ = train(data)
    for a, b in zip(kernels(first), kernels(second), strict=True):
        np.testing.assert_array_equal(a, b)


@multi_backend
def test_one_hot_labels_train_like_sparse_ones(data):
    x, y = data
    sparse, a = train((x, y), metrics=["vra"])
    one_hot, b = train((x, np.eye(3, dtype="float32")[y]), metrics=["vra"])
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-5)
    np.testing.assert_allclose(a["vra"], b["vra"])


@multi_backend
def test_crossentropy_of_keras_counts_the_bottom(data):
    x, y = data
    one_hot = np.eye(3, dtype="float32")[y]
    _, expected = train(data)
    for loss, labels in (
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), y),
        (keras.losses.CategoricalCrossentropy(from_logits=True), one_hot),
    ):
        _, history = train((x, labels), loss=loss)
        np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-4)


@pytest.mark.parametrize(
    "loss",
    [
        "crossentropy",
        "sparse_categorical_crossentropy",
        "CategoricalCrossentropy",
        keras.losses.categorical_crossentropy,
        [keras.losses.SparseCategoricalCrossentropy()],
    ],
)
def test_losses_of_probabilities_are_refused(loss):
    model = kl.GloroModel(small_classifier(), 0.1)
    with pytest.raises(ValueError, match="of logits.*Received.*from_logits"):
        model.compile("sgd", loss=loss)


@multi_backend
def test_zero_weights_teach_nothing(data):
    x, y = data
    before = kernels(kl.GloroModel(seeded_classifier(), 0.1))
    for fit in (
        {"sample_weight": np.zeros(len(y))},
        {"class_weight": dict.fromkeys(range(3), 0.0)},
    ):
        model = kl.GloroModel(seeded_classifier(), 0.1)
        model.compile("sgd", loss="gloro_crossentropy")
        model.fit(x, y, verbose=0, **fit)
        for a, b in zip(before, kernels(model), strict=True):
            np.testing.assert_array_equal(a, b)


def seeded_classifier():
    keras.utils.set_random_seed(5)
    return small_classifier()


@multi_backend
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(data, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model, history = train(data, metrics=["vra"])
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(history["loss"]).all()
    assert model.bound.margin_constants.dtype == "float32"
    for layer in model._flatten_layers():
        if isinstance(layer, PowerIterate):
            assert layer.vector.dtype == "float32"
    outputs = model.predict(data[0], verbose=0)
    assert outputs.dtype == "float32"
    assert np.isfinite(outputs).all()


@multi_backend
def test_validation_in_fit_certifies_by_the_estimate(data):
    model, history = train(data, metrics=["vra"], fit={"validation_data": data})
    vra = model.evaluate(*data, verbose=0, return_dict=True)["vra"]
    assert history["val_vra"][-1] == pytest.approx(vra, abs=0.05)


def test_what_is_asked_of_a_callback_in_fit_is_proved(data, tmp_path, capsys):
    levels = []

    class Ask(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            levels.append(self.model.certificate.level)
            self.model.predict_certified(data[0][:4])
            levels.append(self.model.certificate.level)
            self.model.certify(level="estimate")
            self.model.export(str(tmp_path / "model"))

    fit = {"validation_data": data, "callbacks": [Ask()]}
    train(data, epochs=1, fit=fit)
    assert levels == ["estimate", "R"]
    assert "level 'R'" in capsys.readouterr().out


@multi_backend
def test_radius_metrics_in_fit_and_evaluate(data):
    metrics = [
        "vra",
        kl.metrics.VerifiedRobustAccuracy(epsilon=[0.05, 0.1, 0.2]),
        "certified_radius",
        "clean_accuracy",
        "rejection_rate",
    ]
    model, history = train(data, metrics=metrics, fit={"validation_data": data})
    results = model.evaluate(*data, verbose=0, return_dict=True)
    _, radii = model.predict_certified(data[0])
    right = model.base.predict(data[0], verbose=0).argmax(1) == data[1]
    assert results["clean_accuracy"] == pytest.approx(right.mean())
    for epsilon in (0.05, 0.1, 0.2):
        expected = np.mean(right & (radii > epsilon))
        assert results[f"vra_{epsilon}"] == pytest.approx(expected, abs=0.011)
        assert f"val_vra_{epsilon}" in history
    assert results["vra"] == pytest.approx(results["vra_0.1"], abs=0.011)


@multi_backend
def test_power_method_follows_training(data):
    model, _ = train(data, epochs=12)
    followed = model.bound.estimate()
    truth = model.certify().margin_constants
    ratio = keras.ops.convert_to_numpy(followed)[0, 1] / truth[0, 1]
    assert 0.8 < ratio < 1.001


@multi_backend
def test_gradient_reaches_every_weight_through_the_bottom(data):
    model = kl.GloroModel(small_classifier(), 0.1)
    # With the plain logits cut off only the constant can move the weights.
    model.compile(keras.optimizers.SGD(0.1), loss=bottom_only)
    before = kernels(model)
    model.fit(*data, batch_size=96, epochs=1, verbose=0)
    moved = [
        np.abs(a - b).max()
        for a, b in zip(before, kernels(model), strict=True)
        if a.ndim > 1
    ]
    assert min(moved) > 0


def bottom_only(y_true, y_pred):
    return y_pred[:, -1] - keras.ops.stop_gradient(
        keras.ops.max(y_pred[:, :-1], axis=1)
    )


def test_mirrored_strategy_on_two_replicas():
    script = """
        import numpy as np, tensorflow as tf, keras
        import keras_lipschitz as kl
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            base = keras.Sequential([
                keras.Input((4, 4, 1)), keras.layers.Conv2D(4, 3),
                kl.layers.MinMax(), keras.layers.Flatten(),
                keras.layers.Dense(2)])
            model = kl.GloroModel(base, 0.1)
            model.compile(
                keras.optimizers.SGD(0.1), loss="gloro_crossentropy",
                metrics=["vra"])
        random = np.random.default_rng(0)
        y = random.integers(0, 2, 64)
        x = (random.random((64, 4, 4, 1)) + y[:, None, None, None])
        history = model.fit(
            x, y, batch_size=16, epochs=3, validation_data=(x, y), verbose=0)
        losses = history.history["loss"]
        assert losses[-1] < losses[0], losses
        assert np.isfinite(model.predict(x, verbose=0)).all()
        print("replicas", strategy.num_replicas_in_sync)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert "replicas 2" in result.stdout, result.stderr[-2000:]
