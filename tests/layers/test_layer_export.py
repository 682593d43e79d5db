"""Exported layers compute what they compute here, without this package."""

import keras
import numpy as np
import pytest

from keras_lipschitz import layers

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports through TensorFlow", allow_module_level=True)


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            layers.MinMax(),
            layers.LipschitzConv2D(4, 3, padding="same"),
            layers.MinMax("adjacent"),
            layers.LipschitzDepthwiseConv2D(3, padding="same"),
            layers.GroupSort(4),
            layers.Flip(),
            layers.InvertibleDownsampling(2),
            layers.GroupSort(),
            layers.InvertibleUpsampling(2),
            layers.ScaledAveragePooling2D(3, padding="same"),
            layers.Scaling(),
            layers.L2NormPooling2D(2, padding="same"),
            layers.ScaledGlobalAveragePooling2D(),
            layers.LipschitzDense(3),
        ]
    )
    # Keras exports to ONNX what was called once.
    model(np.zeros((1, 8, 8, 4), "float32"))
    return model


@pytest.fixture(scope="module")
def x():
    random = np.random.default_rng(0)
    return random.normal(size=(5, 8, 8, 4)).astype("float32")


def test_saved_model(model, x, tmp_path):
    import tensorflow as tf

    path = str(tmp_path / "saved_model")
    model.export(path, verbose=False)
    loaded = tf.saved_model.load(path)
    np.testing.assert_allclose(
        loaded.serve(x), model.predict(x, verbose=0), atol=1e-6
    )


def test_onnx(model, x, tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = str(tmp_path / "model.onnx")
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    (served,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(served, model.predict(x, verbose=0), atol=1e-6)


def test_litert(model, x, tmp_path):
    import tensorflow as tf

    path = str(tmp_path / "model.tflite")
    model.export(path, format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(path)
    tensor = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(tensor, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(tensor, x)
    interpreter.invoke()
    served = interpreter.get_tensor(
        interpreter.get_output_details()[0]["index"]
    )
    np.testing.assert_allclose(served, model.predict(x, verbose=0), atol=1e-6)
