"""Margin constants in the l_inf norm, and decisions by them."""

import dataclasses

import keras
import numpy as np
import pytest
from slow_linf import shaken
from slow_linf import small_images
from slow_linf import small_net
from slow_linf import to_numpy

import keras_lipschitz as kl
from keras_lipschitz.certification.certificate import LayerNorms
from keras_lipschitz.certification.checker import check
from keras_lipschitz.certification.decisions.decider import Decider
from keras_lipschitz.certification.formats import SINGLE

multi_backend = pytest.mark.multi_backend
layers = keras.layers


def branches():
    x = keras.Input((6, 6, 2))
    a = layers.Conv2D(2, 3, padding="same", activation="tanh")(x)
    b = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    c = layers.Maximum()([layers.Add()([a, b]), x])
    c = layers.Concatenate()([c, layers.Average()([a, x])])
    c = layers.MaxPooling2D(2, strides=1)(kl.layers.MinMax()(c))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(c)))


def images():
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Rescaling(0.5, offset=-0.1),
            kl.layers.LInfDistConv2D(4, 3, strides=2, padding="same"),
            kl.layers.MeanShift(),
            layers.DepthwiseConv2D(2),
            layers.BatchNormalization(),
            layers.PReLU(),
            layers.UpSampling2D(2),
            kl.layers.ScaledAveragePooling2D(2),
            kl.layers.L2NormPooling2D(1),
            layers.GlobalAveragePooling2D(),
            layers.ELU(0.5),
            kl.layers.LInfDist(3, use_bias=True),
        ]
    )


NETWORKS = {"branches": branches, "images": images, "distances": small_net}


@pytest.fixture(scope="module")
def certified():
    """Networks by name, each with a certificate in the l_inf norm."""
    models = {}
    for name, build in NETWORKS.items():
        keras.utils.set_random_seed(0)
        models[name] = kl.GloroModel(shaken(build()), 0.05, norm="inf")
        models[name].certify()
    return models


def inputs_of(model, samples=200):
    random = np.random.default_rng(0)
    return random.random((samples, *model.input_shape[1:])).astype("float32")


def logits_of(model, x):
    return to_numpy(model.base(x.astype("float32"), training=False))


@multi_backend
@pytest.mark.parametrize("name", NETWORKS)
def test_no_margin_moves_faster_than_the_constants_say(name, certified):
    model = certified[name]
    table = model.certificate.margin_constants
    x = inputs_of(model)
    random = np.random.default_rng(1)
    for size in (0.5, 0.05):
        step = size * random.choice([-1.0, 1.0], x.shape).astype("float32")
        moved = logits_of(model, x + step) - logits_of(model, x)
        rates = np.abs(moved[:, :, None] - moved[:, None]) / size
        assert np.all(rates <= table * (1 + 1e-4))


def test_constants_are_row_sums():
    """Of a chain of linear layers, the sums of the explicit matrices."""
    base = keras.Sequential(
        [
            keras.Input((5, 4, 2)),
            layers.Conv2D(3, 3, strides=2, padding="same"),
            layers.Flatten(),
            layers.Dense(4, activation="relu"),
            layers.Dense(3),
        ]
    )
    model = kl.GloroModel(base, 0.1, norm="inf")
    certificate = model.certify()
    unit = np.eye(40, dtype="float32").reshape(40, 5, 4, 2)
    convolution = base.layers[0]
    matrix = to_numpy(convolution(unit)) - to_numpy(convolution(0 * unit))
    first = np.abs(matrix.reshape(40, -1)).sum(axis=0).max()
    second = np.abs(to_numpy(base.layers[2].kernel)).sum(axis=0).max()
    assert certificate.body_constant == pytest.approx(first * second, rel=1e-6)
    rows = to_numpy(base.layers[3].kernel).T
    expected = first * second * np.abs(rows[:, None] - rows[None]).sum(axis=-1)
    np.testing.assert_allclose(
        certificate.margin_constants, expected, rtol=1e-6
    )
    exact = np.abs(rows[:, None] - rows[None]).sum(axis=-1)
    assert np.all(
        certificate.margin_constants >= first * second * exact * 0.999
    )
    loose = kl.bounds.GlobalLipschitz(pairwise=False, norm="inf")
    table = kl.GloroModel(base, 0.1, bound=loose).certify().margin_constants
    norms = np.abs(rows).sum(axis=1)
    np.testing.assert_allclose(
        table, first * second * (norms[:, None] + norms), rtol=1e-6
    )
    estimate = to_numpy(model.bound.estimate())
    np.testing.assert_allclose(estimate, expected, rtol=1e-5)


def test_slack_of_distances_is_twice_epsilon_in_input_units(certified):
    certificate = certified["distances"].certificate
    assert certificate.body_constant == 2.0
    np.testing.assert_allclose(certificate.margin_constants, 4.0, rtol=1e-15)
    plain = kl.GloroModel(small_net(std=1.0), 0.1, norm=float("inf"))
    assert plain.norm == "inf"
    np.testing.assert_allclose(
        plain.certify().margin_constants, 2.0, rtol=1e-15
    )


@multi_backend
@pytest.mark.parametrize("level", ["R", "F64", "F32"])
def test_radii_are_half_the_margin_less_rounding(level, certified):
    model = certified["distances"]
    model.certify(level)
    x, _ = small_images()
    radii = model.certified_radius(x)
    ordered = np.sort(logits_of(model, x), axis=1)
    margin = (ordered[:, -1] - ordered[:, -2]) / 4
    np.testing.assert_allclose(radii, margin, atol=1e-4)
    again = kl.GloroModel(model.base, 0.05, norm="inf").certified_radius(x)
    assert np.all(radii <= again)
    # Rounding is in: the float32 margin may be a little larger.
    assert np.all(radii < margin + 1e-5)


@multi_backend
@pytest.mark.parametrize("name", NETWORKS)
def test_float32_margins_are_within_the_bound(name, certified):
    model = certified[name]
    bound = model.bound
    decide = Decider(model.certify(), model.base, bound.composition)
    decide.deviation.deployed = decide.head.deployed = SINGLE
    x = 3 * inputs_of(model)
    start = decide.deviation.start(x.astype("float64"))
    body = decide.graph.walk(
        decide.deviation.step, start, skip=decide.network.head
    )[decide.network.last]
    logits, host, deployed, _ = decide.head.margins(body)
    anchor = logits.argmax(axis=1)[:, None]
    error = logits_of(model, x) - logits
    error = np.abs(error - np.take_along_axis(error, anchor, axis=1))
    allowed = host[..., 0] + deployed[..., 0]
    np.put_along_axis(allowed, anchor, np.inf, axis=1)
    assert np.all(error <= allowed)
    assert np.max(error / allowed) > 1e-6


@pytest.mark.parametrize("name", ["branches", "distances"])
def test_signed_steps_never_break_a_certified_point(name, certified):
    model = certified[name]
    x = inputs_of(model)
    _, radii = model.predict_certified(x)
    label = logits_of(model, x).argmax(axis=1)
    random = np.random.default_rng(2)
    for _ in range(20):
        step = random.choice([-1.0, 1.0], x.shape)
        moved = x + (0.999 * radii)[:, None, None, None] * step
        assert np.all(logits_of(model, moved).argmax(axis=1) == label)


class Orthogonal(kl.layers.LipschitzLayer, layers.Layer):
    """Turns pairs by 45 degrees: the l2 norm stays, the l_inf norm grows."""

    def call(self, x):
        a, b = keras.ops.split(x, 2, axis=-1)
        return keras.ops.concatenate([a + b, a - b], axis=-1) / 2**0.5

    def lipschitz_constant(self):
        return 1.0


@pytest.mark.parametrize("layer", [Orthogonal(), layers.Softmax()])
def test_rules_of_the_l2_norm_do_not_serve(layer):
    base = keras.Sequential(
        [keras.Input((4, 4, 2)), layer, layers.Flatten(), layers.Dense(2)]
    )
    kind = type(layer).__name__
    with pytest.raises(ValueError, match=f"{kind}.*l_inf norm"):
        kl.GloroModel(base, 0.1, norm="inf")


def test_joining_samples_is_refused():
    x = keras.Input((3,))
    joined = layers.Concatenate(axis=0)([x, x])
    base = keras.Model(x, layers.Dense(2)(joined))
    with pytest.raises(ValueError, match="samples of the batch"):
        kl.GloroModel(base, 0.1, norm="inf")


def test_certificates_do_not_pass_from_norm_to_norm(tmp_path):
    base = small_net()
    other = kl.GloroModel(base, 0.1)
    other.certify()
    other.save_weights(tmp_path / "l2.weights.h5")
    model = kl.GloroModel(base, 0.1, norm="inf")
    model.load_weights(tmp_path / "l2.weights.h5")
    assert not model.bound.holds(model.certificate)
    model.predict_certified(inputs_of(model, 2))
    assert model.certificate.norm == "inf"
    assert "l_inf" in str(model.certificate)
    assert "l_inf" in model.certificate.statement


@pytest.mark.parametrize("name", NETWORKS)
def test_certificates_stand_up_to_another_method(name, certified):
    model = certified[name]
    certificate = model.certify()
    findings, problems = check(model.base, certificate)
    assert not problems
    for finding in findings:
        assert finding.lower <= finding.claimed <= finding.upper * 1.001
    wrong = dataclasses.replace(
        certificate.layers[0], upper=certificate.layers[0].upper * 0.999
    )
    layers_ = LayerNorms((wrong, *certificate.layers[1:]))
    _, problems = check(model, dataclasses.replace(certificate, layers=layers_))
    assert "attains" in problems[0]
    _, problems = check(model, dataclasses.replace(certificate, norm=2))
    assert "l2 norm" in problems[0]


@pytest.mark.parametrize("norm", [1, "2", None, float("nan")])
def test_bad_norm(norm):
    with pytest.raises(ValueError, match="`norm` should be 2 or 'inf'"):
        kl.bounds.GlobalLipschitz(norm=norm)
    with pytest.raises(ValueError, match="Expected `norm` to be that of"):
        bound = kl.bounds.GlobalLipschitz()
        kl.GloroModel(small_net(), 0.1, bound=bound, norm="inf")


def test_rules_of_the_l2_norm_know_distances_too(certified):
    """Of no use, but right: a unit step in one entry moves every unit."""
    layer = kl.layers.LInfDist(9, identity=None)
    layer.build((None, 3))
    layer.kernel.assign(np.zeros((3, 9)))
    x = np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]], "float32")
    y = to_numpy(layer(x))
    assert np.linalg.norm(y[1] - y[0]) == layer.lipschitz_constant() == 3.0
