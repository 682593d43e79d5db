"""A model that was saved, loaded or exported is the same model."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from small import small_classifier
from small import small_data

import keras_lipschitz as kl

multi_backend = pytest.mark.multi_backend


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    trained.predict(small_data()[0], verbose=0)
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    trained.save(path)
    return path


@multi_backend
def test_loaded_model_is_the_same(trained, saved, data):
    x, y = data
    loaded = keras.saving.load_model(saved)
    assert isinstance(loaded, kl.GloroModel)
    assert loaded.epsilon == trained.epsilon
    assert loaded.loss.get_config() == trained.loss.get_config()
    assert loaded.certificate.to_json() == trained.certificate.to_json()
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), trained.predict(x, verbose=0)
    )
    assert loaded.certificate.to_json() == trained.certificate.to_json()
    for a, b in zip(loaded.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert loaded.evaluate(x, y, verbose=0) == trained.evaluate(x, y, verbose=0)


@multi_backend
def test_loaded_model_trains_on_exactly(trained, saved, data):
    x, y = data
    losses = []
    for _ in range(2):
        loaded = keras.saving.load_model(saved)
        history = loaded.fit(x, y, epochs=2, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    assert losses[0] == losses[1]
    assert losses[0][0] < 0.6


@multi_backend
def test_metrics_of_the_radius_are_saved(data, tmp_path):
    x, y = data
    model = kl.GloroModel(small_classifier(), 0.1)
    model.compile(
        "sgd",
        loss=kl.losses.GloroTrades(1.5),
        metrics=[
            "vra",
            kl.metrics.VerifiedRobustAccuracy(epsilon=[0.1, 0.2]),
            "certified_radius",
        ],
    )
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert loaded.evaluate(x, y, verbose=0, return_dict=True) == expected


@multi_backend
def test_save_weights_brings_the_certificate(trained, data, tmp_path):
    x, _ = data
    trained.certify()
    trained.save_weights(tmp_path / "m.weights.h5")
    other = kl.GloroModel(small_classifier(), 0.3)
    other.load_weights(tmp_path / "m.weights.h5")
    assert other.certificate.to_json() == trained.certificate.to_json()
    np.testing.assert_array_equal(
        other.predict(x, verbose=0), trained.predict(x, verbose=0)
    )


@multi_backend
def test_weights_of_a_model_of_another_epsilon(trained, data, tmp_path):
    trained.save_weights(tmp_path / "m.weights.h5")
    other = kl.GloroModel(small_classifier(), 0.05)
    other.load_weights(tmp_path / "m.weights.h5")
    x, _ = data
    assert other.epsilon == 0.05
    assert np.all(
        other.predict(x, verbose=0)[:, 3] < trained.predict(x, verbose=0)[:, 3]
    )


@multi_backend
def test_forged_table_is_not_used(trained, data, tmp_path):
    """The table that decides is the certificate's, not whatever was saved."""
    x, _ = data
    honest = trained.predict(x, verbose=0)
    trained.bound.margin_constants.assign(np.zeros((3, 3)))
    np.testing.assert_array_equal(trained.predict(x, verbose=0), honest)


@multi_backend
def test_foreign_certificate_is_replaced(trained, data):
    x, _ = data
    foreign = kl.GloroModel(small_classifier(), 0.3).certify()
    honest = trained.predict(x, verbose=0)
    trained.certificate = foreign
    np.testing.assert_allclose(trained.predict(x, verbose=0), honest, rtol=1e-6)
    assert trained.certificate is not foreign


def test_corrupt_file_is_refused(saved, tmp_path):
    broken = tmp_path / "broken.keras"
    broken.write_bytes(saved.read_bytes()[:1000])
    with pytest.raises(ValueError):
        keras.saving.load_model(broken)


def test_corrupt_certificate_is_refused(tmp_path):
    for text in ("", "{}", "[1]", '{"format": "other"}', "\x00\x01"):
        path = tmp_path / "certificate.json"
        path.write_text(text)
        with pytest.raises(ValueError, match="certificate"):
            kl.certification.Certificate.load(path)


def test_certificate_file(trained, tmp_path):
    certificate = trained.certify()
    certificate.save(tmp_path / "c.json")
    loaded = kl.certification.Certificate.load(tmp_path / "c.json")
    assert loaded.to_json() == certificate.to_json()
    np.testing.assert_array_equal(
        loaded.margin_constants, certificate.margin_constants
    )
    for layer in loaded.layers:
        assert layer.name in str(loaded)


# Exported models.


def assert_same_outputs(outputs, expected):
    """Equal to 1e-6 of the largest logit: a few units in the last place."""
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6 * scale)


def test_saved_model_needs_only_tensorflow(trained, data, tmp_path):
    x, _ = data
    trained.export(tmp_path / "saved_model", verbose=False)
    np.save(tmp_path / "x.npy", x)
    script = f"""
        import sys
        import numpy as np
        import tensorflow as tf
        served = tf.saved_model.load(r"{tmp_path / "saved_model"}")
        x = np.load(r"{tmp_path / "x.npy"}")
        np.save(r"{tmp_path / "y.npy"}", served.serve(x))
        assert "keras_lipschitz" not in sys.modules
        graph = served.signatures["serving_default"].graph
        names = set()
        for function in [graph.as_graph_def()]:
            names |= {{n.op for n in function.node}}
            for f in function.library.function:
                names |= {{n.op for n in f.node_def}}
        print("OPS", sorted(names))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert_same_outputs(
        np.load(tmp_path / "y.npy"), trained.predict(x, verbose=0)
    )
    ops = result.stdout
    for op in ("While", "Conv2DBackpropInput", "AssignVariableOp"):
        assert op not in ops


def test_onnx(trained, data, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    x, _ = data
    expected = trained.predict(x, verbose=0)
    trained.save(tmp_path / "m.keras")
    # What was loaded has not been called yet.
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    loaded.export(tmp_path / "m.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    name = session.get_inputs()[0].name
    (outputs,) = session.run(None, {name: x})
    assert_same_outputs(outputs, expected)


def test_litert(trained, data, tmp_path):
    import tensorflow as tf

    x, _ = data
    expected = trained.predict(x[:1], verbose=0)
    trained.export(tmp_path / "m.tflite", format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(str(tmp_path / "m.tflite"))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[:1])
    interpreter.invoke()
    outputs = interpreter.get_tensor(
        interpreter.get_output_details()[0]["index"]
    )
    assert_same_outputs(outputs, expected)
