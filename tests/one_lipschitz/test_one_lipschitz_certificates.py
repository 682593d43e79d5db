"""Certificates of networks of these layers, against an independent truth."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from linear_truth import matrix_of

import keras_lipschitz as kl
from keras_lipschitz import layers
from keras_lipschitz.certification.checker import check
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.certification.norms.second_opinion import second_opinion
from keras_lipschitz.certification.norms.spectral_norm import spectral_norm
from keras_lipschitz.ops.skew_convolution import truncated_exponential_norm

SHAPE = (6, 6, 2)


def convolutional():
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.SOCConv2D(4, strides=2),
            layers.MinMax(),
            layers.BROConv2D(4),
            layers.MinMax(),
            layers.AOLConv2D(4, 3, padding="circular", activation="relu"),
            layers.BatchCentering(),
            layers.AdaptiveOrthogonalConv2D(6, 2, padding="same"),
            layers.Householder(order=2),
            layers.LinearResidualConv2D(6, scale=0.5),
            layers.LipschitzPReLU(shared_axes=(1, 2)),
            keras.layers.Flatten(),
            layers.QRDense(8),
            layers.MinMax(),
            layers.NormalizedDense(3),
        ]
    )


def residual():
    x = keras.Input(SHAPE)
    y = layers.SLLConv2D(3, activation="tanh")(x)
    z = layers.CPLConv2D(2, padding="circular")(y)
    y = layers.ConvexCombination()([y, z])
    y = layers.SandwichConv2D(4)(y)
    y = layers.LayerCentering(axis=(1, 2))(y)
    y = keras.layers.Flatten()(y)
    y = layers.SandwichDense(6)(y)
    y = layers.SLLDense(5, activation="softplus")(y)
    y = layers.CPLDense(9)(y)
    return keras.Model(x, layers.CayleyDense(3)(y))


@pytest.fixture(scope="module", params=[convolutional, residual])
def model(request):
    keras.utils.set_random_seed(0)
    base = request.param()
    random = np.random.default_rng(0)
    for w in base.weights:
        w.assign(ops.convert_to_numpy(w) + 0.2 * random.normal(size=w.shape))
    model = kl.GloroModel(base, epsilon=0.05)
    model.certify()
    return model


def inputs(count=64):
    random = np.random.default_rng(1)
    return random.normal(size=(count, *SHAPE)).astype("float32")


def test_training_takes_the_known_norms(model):
    norms = model.bound.estimated_norms()
    layers_by_key = model.bound.composition.layers
    for key, norm in norms.items():
        if isinstance(layers_by_key[key], layers.LinearResidualConv2D):
            assert float(norm) > 1.0
        else:
            assert norm == 1.0


def test_certificate(model):
    """Nearly what is promised, proved, and not below what is attained."""
    for norm in model.certificate.layers:
        if norm.kind != "LinearResidualConv2D":
            assert norm.upper <= 1.0 + 1e-6
    x = inputs()
    random = np.random.default_rng(2)
    logits = model.predict(x, verbose=0)[:, :-1].astype("float64")
    constants = model.certificate.margin_constants
    for size in (1e-2, 1.0):
        step = size * random.normal(size=x.shape).astype("float32")
        moved = model.predict(x + step, verbose=0)[:, :-1] - logits
        distances = np.linalg.norm(step.reshape(len(x), -1), axis=1)
        margins = np.abs(moved[:, :, None] - moved[:, None, :])
        bounds = distances[:, None, None] * constants
        assert (margins <= bounds * (1 + 1e-4) + 1e-5).all()


def test_a_second_method_agrees(model):
    findings, problems = check(model, model.certificate)
    assert not problems
    assert len(findings) == len(model.certificate.layers)


def test_decisions_on_the_host(model):
    """They see what the network computes, with a tiny loss for rounding."""
    x = inputs()
    labels, radii = model.predict_certified(x)
    logits = model.predict(x, verbose=0)[:, :-1]
    device = ops.convert_to_numpy(model.bound.radius(logits))
    certified = labels >= 0
    assert (labels[certified] == logits.argmax(axis=1)[certified]).all()
    np.testing.assert_allclose(radii, device, atol=1e-4)
    assert (radii <= device + 1e-5).all()


def test_deployed_arithmetic_is_refused_by_name(model):
    with pytest.raises(ValueError, match="computed from other weights"):
        model.certify("F32")
    model.certify()


@pytest.mark.parametrize(
    "channels, size, strides, image, groups",
    [(3, 3, 1, (4, 6), 1), (4, 4, 2, (8, 8), 2), (6, 3, 1, (12, 14), 1)],
)
def test_norm_on_a_torus(channels, size, strides, image, groups):
    layer = layers.AdaptiveOrthogonalConv2D(
        2 * channels,
        size,
        strides,
        "circular",
        groups=groups,
        use_bias=False,
    )
    # Not orthogonal, so that there is a norm to find.
    layer.parametrize = lambda *raw: kernel
    random = np.random.default_rng(0)
    shape = (size, size, channels // groups, 2 * channels)
    kernel = ops.convert_to_tensor(random.normal(size=shape).astype("float32"))
    layer.build((None, *image, channels))
    operator = operator_of(layer.linear_map((None, *image, channels)))
    x = random.normal(size=(operator.shape[1],))
    matrix = matrix_of(layer, (*image, channels))
    truth = np.linalg.norm(matrix, 2)
    np.testing.assert_allclose(operator.matvec(x), matrix @ x, atol=1e-4)
    y = random.normal(size=(operator.shape[0],))
    assert y @ operator.matvec(x) == pytest.approx(operator.rmatvec(y) @ x)
    norm = spectral_norm(operator)
    assert norm.lower <= norm.upper
    assert norm.lower == pytest.approx(truth, rel=1e-5)
    assert truth * (1 - 1e-5) <= norm.upper <= truth * 1.001
    assert second_opinion(operator).upper <= truth * 1.01


@pytest.mark.parametrize("terms", range(1, 13))
def test_norm_of_a_truncated_exponential(terms):
    """Against its largest value on the imaginary axis, on a fine grid."""
    for norm in (1e-3, 0.5, 1.0, 1.7, 3.0):
        w = np.linspace(0.0, norm, 1001)
        series = sum(
            (1j * w) ** i / math.factorial(i) for i in range(terms + 1)
        )
        bound = truncated_exponential_norm(norm, terms)
        assert np.abs(series).max() <= bound * (1 + 1e-15)
        assert bound <= np.exp(norm)
    if terms % 4 in (0, 3):
        assert truncated_exponential_norm(1.0, terms) == 1.0
    assert truncated_exponential_norm(math.inf, terms) == math.inf


def test_a_subclass_with_a_call_of_its_own_is_refused():
    class Doubled(layers.SLLDense):
        def call(self, inputs):
            return 2.0 * super().call(inputs)

    base = keras.Sequential([keras.Input((4,)), Doubled(3)])
    base.add(keras.layers.Dense(2))
    with pytest.raises(ValueError, match="`call` of its own"):
        kl.GloroModel(base, epsilon=0.1)


def test_residual_layers_are_refused_in_the_inf_norm():
    base = keras.Sequential([keras.Input((4,)), layers.SLLDense(3)])
    base.add(keras.layers.Dense(2))
    bound = kl.bounds.GlobalLipschitz(norm="inf")
    with pytest.raises(ValueError, match="l2 norm only"):
        kl.GloroModel(base, epsilon=0.1, bound=bound)


def test_a_residual_layer_is_never_the_head():
    last = layers.SLLDense(4, activation="linear")
    base = keras.Sequential([keras.Input((4,)), last])
    model = kl.GloroModel(base, epsilon=0.1)
    assert model.bound.composition.head is None
    assert model.certify().margin_constants[0, 1] == pytest.approx(2**0.5)
