"""Exported nets of l_inf distances compare and subtract, nothing else."""

import numpy as np
import pytest
from slow_linf import small_images
from slow_linf import small_net

import keras_lipschitz as kl


@pytest.fixture(scope="module")
def net():
    model = kl.GloroModel(small_net(p=8.0, units=(12,)), 0.05, norm="inf")
    x, _ = small_images(16)
    return model, x, model.predict(x, verbose=0)


def test_saved_model(net, tmp_path):
    tf = pytest.importorskip("tensorflow")
    model, x, expected = net
    model.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(served.serve(x), expected, atol=1e-5)
    graph = served.signatures["serving_default"].graph.as_graph_def()
    used = {node.op for node in graph.node}
    for function in graph.library.function:
        used |= {node.op for node in function.node_def}
    assert "Maximum" in used or "Max" in used
    assert not used & {"Pow", "Exp", "Log", "If", "StatelessIf", "MatMul"}


def test_onnx(net, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    model, x, expected = net
    model.export(tmp_path / "m.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (outputs,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_litert(net, tmp_path):
    import tensorflow as tf

    model, x, expected = net
    model.export(tmp_path / "m.tflite", format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(str(tmp_path / "m.tflite"))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[:1])
    interpreter.invoke()
    details = interpreter.get_output_details()[0]
    np.testing.assert_allclose(
        interpreter.get_tensor(details["index"]), expected[:1], atol=1e-5
    )
