"""Networks by name, and networks made plain."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_lipschitz as kl
from keras_lipschitz import layers
from keras_lipschitz import models

IMAGE = (8, 8, 1)


def convolutional():
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.AOLConv2D(4, 3, padding="same", activation="relu"),
            layers.AdaptiveOrthogonalConv2D(8, 3, strides=2),
            layers.MinMax(),
            layers.LinearResidualConv2D(8, scale=0.5),
            layers.MinMax(),
            keras.layers.Flatten(),
            layers.CayleyDense(6, use_bias=False),
            layers.MinMax(),
            layers.NormalizedDense(3),
        ]
    )


def disturbed(base):
    random = np.random.default_rng(0)
    for w in base.weights:
        w.assign(ops.convert_to_numpy(w) + 0.1 * random.normal(size=w.shape))
    return base


@pytest.fixture(scope="module")
def plain_pair():
    base = disturbed(convolutional())
    return base, models.to_plain(base)


@pytest.fixture(scope="module")
def x():
    random = np.random.default_rng(1)
    return random.normal(size=(8, 6, 6, 2)).astype("float32")


def test_plain_layers_compute_the_same(plain_pair, x):
    base, plain = plain_pair
    kinds = {type(layer) for layer in plain.layers}
    assert kinds == {
        keras.layers.Conv2D,
        keras.layers.Dense,
        keras.layers.Flatten,
        layers.MinMax,
    }
    assert [a.name for a in plain.layers] == [b.name for b in base.layers]
    np.testing.assert_allclose(
        ops.convert_to_numpy(plain(x)), ops.convert_to_numpy(base(x)), atol=1e-6
    )


def test_plain_layers_have_the_same_certificate(plain_pair, x):
    base, _ = plain_pair
    model = kl.GloroModel(base, epsilon=0.05)
    twin = models.to_plain(model)
    certificate = model.certify()
    np.testing.assert_allclose(
        twin.certify().margin_constants,
        certificate.margin_constants,
        rtol=1e-6,
    )
    assert twin.epsilon == model.epsilon
    assert float(twin.training_epsilon) == float(model.training_epsilon)
    # Now the arithmetic of the network can be certified, too.
    if keras.backend.backend() == "tensorflow":
        twin.certify("F32")
        radii = twin.predict_certified(x).radius
        real = model.predict_certified(x).radius
        assert (radii <= real).all()
        np.testing.assert_allclose(radii, real, atol=1e-3)


def test_residual_layers_are_taken_apart(x):
    base = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.SLLConv2D(3, activation="tanh"),
            layers.CPLConv2D(2),
            layers.CPLConv2D(2, padding="circular"),
            keras.layers.Flatten(),
            layers.SLLDense(5),
            layers.CPLDense(9, use_bias=False),
            layers.SandwichDense(3),
        ]
    )
    disturbed(base)
    kept = models.to_plain(base)
    assert [type(layer) for layer in kept.layers] == [
        type(layer) for layer in base.layers
    ]
    apart = models.to_plain(base, residual=True)
    assert sum(isinstance(n, keras.Model) for n in apart.layers) == 4
    for plain in (kept, apart):
        np.testing.assert_allclose(
            ops.convert_to_numpy(plain(x)),
            ops.convert_to_numpy(base(x)),
            atol=1e-5,
        )


def test_export_of_a_gloro_model(tmp_path):
    """Every kind of layer, with kernels that are constants."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports through TensorFlow")
    import tensorflow as tf

    base = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.SOCConv2D(2, terms=3),
            layers.BROConv2D(2),
            layers.CPLConv2D(3),
            layers.SLLConv2D(3),
            layers.SandwichConv2D(2),
            keras.layers.Flatten(),
            layers.CayleyDense(4),
            layers.NormalizedDense(3),
        ]
    )
    model = kl.GloroModel(disturbed(base), epsilon=0.1)
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype("float32")
    truth = model.predict(x, verbose=0)
    model.export(str(tmp_path / "saved"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(loaded.serve(x), truth, atol=1e-5)
    graph = loaded.signatures["serving_default"].graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert not kinds & {"MatrixInverse", "MatrixSolve", "Qr", "Cholesky"}
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = str(tmp_path / "model.onnx")
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    (served,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(served, truth, atol=1e-5)


def test_export(plain_pair, x, tmp_path):
    """Plain and computed kernels alike, without this package."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports through TensorFlow")
    import tensorflow as tf

    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    base, plain = plain_pair
    for i, model in enumerate((base, plain)):
        truth = model.predict(x, verbose=0)
        model.export(str(tmp_path / f"{i}"), verbose=False)
        loaded = tf.saved_model.load(str(tmp_path / f"{i}"))
        np.testing.assert_allclose(loaded.serve(x), truth, atol=1e-5)
    path = str(tmp_path / "plain.onnx")
    plain.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    (served,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(served, truth, atol=1e-5)
    path = str(tmp_path / "plain.tflite")
    plain.export(path, format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(path)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, x)
    interpreter.invoke()
    served = interpreter.get_tensor(
        interpreter.get_output_details()[0]["index"]
    )
    np.testing.assert_allclose(served, truth, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.lip_conv_net((28, 28, 1), 4, 10, width=2),
        lambda: models.lip_conv_net(IMAGE, 4, 2, width=2, stages=2),
        lambda: models.lip_dense_net(IMAGE, 4, (8, 6), "bro"),
        lambda: models.lip_dense_net(IMAGE, 4, (8,), "sll", "householder"),
        lambda: models.lip_conv_net(
            (28, 28, 1), 4, width=2, convolution="aol", activation="householder"
        ),
        lambda: models.lip_conv_net(
            (32, 32, 1), 4, width=2, convolution="adaptive_orthogonal"
        ),
        lambda: models.lip_conv_net((32, 32, 1), 4, width=2, convolution="sll"),
        lambda: models.residual_net(IMAGE, 4, (2, 1, 4, 8), "cpl"),
        lambda: models.residual_net(IMAGE, 4, (2, 1, 4, 8), "sll"),
        lambda: models.sandwich_net(IMAGE, 4, (4, 4), (8,)),
        lambda: models.comparison_net((16, 16, 3), 4, 4, "aol"),
        lambda: models.orthogonal_cnn(IMAGE, 4, [(3, 8, 2)], [16, 8]),
        lambda: models.li_resnet(IMAGE, 4, 2, 4, (8,), orthogonal=True),
        lambda: models.li_resnet(IMAGE, 4, 2, 4, (8,), centering=True),
    ],
)
def test_networks_by_name(make):
    """They are built, bounded, and where that is promised 1-Lipschitz."""
    base = make()
    assert base.output_shape == (None, 4)
    model = kl.GloroModel(base, epsilon=0.1)
    norms = model.bound.estimated_norms()
    constant = float(model.bound.composition.body_constant(norms))
    if base.name == "li_resnet":
        assert constant > 1.0
    else:
        assert constant <= 1.0 + 1e-6
    x = np.random.default_rng(0).normal(size=(2, *base.input_shape[1:]))
    assert np.isfinite(ops.convert_to_numpy(base(x.astype("float32")))).all()


def test_channels_double_from_stage_to_stage():
    base = models.lip_conv_net((32, 32, 3), 10, depth=10, width=2)
    filters = [base.get_layer(f"stage_{i}_2").filters for i in range(1, 6)]
    assert filters == [4, 8, 16, 32, 64]
    assert base.get_layer("flatten").output.shape == (None, 64)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: models.lip_conv_net((28, 28), 4), "height, width"),
        (lambda: models.lip_conv_net((28, 28, 1), 4, depth=7), "multiple of 5"),
        (lambda: models.residual_net(IMAGE, 4, "XXL"), "`size` should be"),
        (
            lambda: models.comparison_net(IMAGE, 4, convolution="conv"),
            "`convolution` should be",
        ),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
