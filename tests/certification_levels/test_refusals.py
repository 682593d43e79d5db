"""Where deployed arithmetic cannot be bounded, the level is refused."""

import types

import keras
import numpy as np
import pytest
from keras import layers
from level_networks import classifier
from level_networks import decider
from level_networks import dense_network
from zoo import NETWORKS

import keras_lipschitz as kl
from keras_lipschitz.certification import deployment

multi_backend = pytest.mark.multi_backend


def model_of(base):
    return kl.GloroModel(base, 0.1)


@multi_backend
def test_plain_networks_are_not_refused():
    model = model_of(dense_network())
    assert model.certify("F32").level == "F32"
    assert model.certify("F64").level == "F64"


def test_convolutions_are_not_refused():
    assert model_of(NETWORKS["deep"]()).certify("F32").level == "F32"


@pytest.mark.parametrize("level", ["f32", "real", "", None, "F16"])
def test_unknown_level(level):
    model = model_of(dense_network())
    with pytest.raises(ValueError, match="`level` should be one of.*Received"):
        model.certify(level)
    assert model.certificate is None


@multi_backend
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16"),
        ("ONEDNN_DEFAULT_FPMATH_MODE", "any"),
        ("DNNL_DEFAULT_FPMATH_MODE", "TF32"),
        ("TF_SET_ONEDNN_FPMATH_MODE", "BF16"),
        ("TF_USE_DEEP_CONV2D", "1"),
        ("XLA_FLAGS", "--a=1 --xla_cpu_enable_fast_math=true"),
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math"),
    ],
)
def test_variables(monkeypatch, variable, value):
    model = model_of(dense_network())
    x = np.ones((1, 6), "float32")
    model.certify("F32")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=variable):
        model.certify("F32")
    # Also where the certificate is from before, or from elsewhere.
    with pytest.raises(ValueError, match=variable):
        model.predict_certified(x)
    for level in ("R", "F64"):
        model.certify(level)
        model.predict_certified(x)


@multi_backend
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ONEDNN_DEFAULT_FPMATH_MODE", "strict"),
        ("TF_USE_DEEP_CONV2D", "0"),
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=false --other=1"),
    ],
)
def test_harmless_variables(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    model_of(dense_network()).certify("F32")


@multi_backend
@pytest.mark.parametrize(
    "policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"]
)
def test_policies(policy):
    base = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, dtype=policy, name="half")]
    )
    model = model_of(base)
    with pytest.raises(ValueError, match="'half'.*float16"):
        model.certify("F32")
    model.certify("R")
    x = np.random.default_rng(0).random((2, 4))
    assert np.all(model.predict_certified(x).radius > 0)


def test_float64_model_has_no_float32():
    base = keras.Sequential(
        [keras.Input((4,), dtype="float64"), layers.Dense(3, dtype="float64")]
    )
    with pytest.raises(ValueError, match="float64"):
        model_of(base).certify("F32")
    model_of(base).certify("F64")


@multi_backend
def test_accelerators(monkeypatch):
    assert deployment.accelerators() == []
    monkeypatch.setattr(deployment, "accelerators", lambda: ["/GPU:0"])
    model = model_of(dense_network())
    with pytest.raises(ValueError, match="'/GPU:0'.*TF32"):
        model.certify("F32")
    model.certify("F64")


def test_tensorflow_accelerator(monkeypatch):
    import tensorflow as tf

    gpu = types.SimpleNamespace(name="/device:GPU:0", device_type="GPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: [gpu])
    with pytest.raises(ValueError, match="GPU:0"):
        model_of(dense_network()).certify("F32")


def test_other_processors(monkeypatch):
    monkeypatch.setattr(deployment.platform, "machine", lambda: "aarch64")
    model_of(dense_network()).certify("F32")
    with pytest.raises(ValueError, match="aarch64"):
        model_of(NETWORKS["deep"]()).certify("F32")


@multi_backend
@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="settings of PyTorch"
)
def test_pytorch_settings():
    import torch

    dense, images = dense_network(), NETWORKS["deep"]()
    model_of(dense).certify("F32")
    torch.set_float32_matmul_precision("medium")
    try:
        with pytest.raises(ValueError, match="float32_matmul_precision"):
            model_of(dense).certify("F32")
    finally:
        torch.set_float32_matmul_precision("highest")
    with pytest.raises(ValueError, match="NNPACK"):
        model_of(images).certify("F32")
    (before,) = torch.backends.nnpack.set_flags(False)
    try:
        model_of(images).certify("F32")
    finally:
        torch.backends.nnpack.set_flags(before)


@multi_backend
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="settings of JAX")
def test_jax_settings():
    import jax

    with jax.default_matmul_precision("bfloat16"):
        with pytest.raises(ValueError, match="bfloat16"):
            model_of(dense_network()).certify("F32")


@multi_backend
def test_functions_are_refused_by_name():
    base = classifier(
        [layers.Dense(4, activation="tanh", name="first"), layers.Dense(2)],
        shape=(3,),
    )
    model = model_of(base)
    for level in ("F32", "F64"):
        with pytest.raises(ValueError, match="'first'.*'tanh'"):
            model.certify(level)
    model.certify("R")
    assert np.all(model.predict_certified(np.ones((1, 3))).radius >= 0)


class Halving(layers.Layer):
    def call(self, inputs):
        return inputs * 0.5


@multi_backend
def test_unknown_layers_are_refused_by_name():
    kl.register_rule(Halving)(lambda layer, x: x.constant * 0.5)
    base = classifier(
        [layers.Dense(4), Halving(name="mine"), layers.Dense(2)], shape=(3,)
    )
    model = model_of(base)
    x = np.ones((1, 3), "float32")
    with pytest.raises(ValueError, match="'mine'.*register_evaluation"):
        model.predict_certified(x)
    with pytest.raises(ValueError, match="'mine'"):
        model.certify("F32")
    model.certify("estimate")
    expected = model.certified_radius(x)
    kl.certification.register_evaluation(Halving)(
        lambda layer, step: kl.certification.Evaluation(
            lambda x: x * 0.5, roundings=1
        )
    )
    try:
        model.certify("F32")
        np.testing.assert_allclose(
            model.certified_radius(x), expected, rtol=1e-3
        )
    finally:
        from keras_lipschitz.certification.evaluations import evaluation

        del evaluation._EVALUATIONS[Halving]


@multi_backend
def test_kernels_that_are_computed():
    """Another library may compute them with other last bits."""

    class Doubled(kl.layers.LipschitzDense):
        def call(self, inputs):
            return keras.ops.matmul(inputs, 2.0 * self.kernel)

        def linear_map(self, input_shape):
            import dataclasses

            return dataclasses.replace(
                super().linear_map(input_shape),
                read_kernel=lambda: 2.0 * self.kernel,
            )

    base = classifier(
        [Doubled(4, use_bias=False, name="mine"), layers.Dense(2)], shape=(3,)
    )
    model = model_of(base)
    with pytest.raises(ValueError, match="'mine'.*every call"):
        model.certify("F32")
    x = np.ones((5, 3), "float32")
    label = model.predict_certified(x).label
    assert np.all(label <= 1)


def test_process_that_flushes_subnormal_numbers():
    torch = pytest.importorskip("torch")
    decide = decider(dense_network(), "R")
    x = np.ones((1, 6), "float32")
    assert decide(x)[1][0] > 0
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot")
    try:
        with pytest.raises(RuntimeError, match="flushes subnormal"):
            decider(dense_network(), "R")
    finally:
        torch.set_flush_denormal(False)
