"""How distances behave in a program: traces, unknown batches, exports."""

import keras
import numpy as np
import pytest
import slow_distances

from keras_lipschitz.ops import lp_distance

if keras.backend.backend() != "tensorflow":
    pytest.skip("functions of TensorFlow", allow_module_level=True)

import tensorflow as tf

INPUTS, COLUMNS = 18, 1030


class Distance(keras.layers.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(INPUTS, COLUMNS), name="w")

    def call(self, x):
        return lp_distance(x, self.w, np.inf)


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential([keras.Input((INPUTS,)), Distance()])
    # Keras exports to ONNX what was called once.
    model(np.zeros((1, INPUTS), "float32"))
    return model


@pytest.fixture(scope="module")
def x():
    random = np.random.default_rng(0)
    return random.normal(size=(130, INPUTS)).astype("float32")


@pytest.fixture(scope="module")
def truth(model, x):
    return slow_distances.value(x, model.get_weights()[0], np.inf)


def test_one_trace_for_all_batches_and_norms(x):
    p = tf.Variable(8.0)
    w = tf.constant(np.ones((INPUTS, COLUMNS), "float32"))
    traces = []

    @tf.function(input_signature=[tf.TensorSpec((None, INPUTS))])
    def gradient(x):
        traces.append(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = lp_distance(x, w, p, training=True)
        return y, tape.gradient(y, x)

    for value, rows in [(8.0, 1), (1000.0, 130), (np.inf, 128), (np.inf, 3)]:
        p.assign(value)
        y, dx = gradient(x[:rows])
        expected = slow_distances.value(x[:rows], w.numpy(), value)
        np.testing.assert_allclose(y, expected, rtol=1e-6)
        assert dx.shape == (rows, INPUTS)
    assert len(traces) == 1


def test_saved_model(model, x, truth, tmp_path):
    model.export(str(tmp_path), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_array_equal(loaded.serve(x), truth.astype("float32"))
    # Servers and converters need not have a compiler.
    assert b"Xla" not in (tmp_path / "saved_model.pb").read_bytes().replace(
        b"_XlaMustCompile", b""
    )


def test_onnx(model, x, truth, tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = str(tmp_path / "model.onnx")
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    (served,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_array_equal(served, truth.astype("float32"))
