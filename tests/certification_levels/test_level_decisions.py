"""Decisions at the edges: ties, zeros, infinities, units, batches."""

import keras
import numpy as np
import pytest
from keras import layers
from level_networks import classifier
from level_networks import decider
from level_networks import dense_network
from level_networks import linear_classifier

import keras_lipschitz as kl

multi_backend = pytest.mark.multi_backend
LEVELS = ("R", "F64", "F32")


def biased(biases):
    """A network whose logits are its biases."""
    layer = layers.Dense(len(biases))
    return classifier([layer], [np.zeros((1, len(biases))), biases])


@multi_backend
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "kernel", [[[0.0, 0.0, 0.0]], [[1.0, 1.0, -1.0]], [[1.0, 1.0, 1.0]]]
)
def test_ties_at_the_top(level, kernel):
    x = np.array([[1.0], [0.0], [3e-3], [1e30]], "float32")
    _, radius = decider(linear_classifier(kernel), level)(x)
    np.testing.assert_array_equal(radius, 0)


@multi_backend
@pytest.mark.parametrize("level", LEVELS)
def test_tie_among_losers(level):
    base = linear_classifier([[1.0, -1.0, -1.0]])
    label, radius = decider(base, level)(np.array([[1.0]], "float32"))
    assert label[0] == 0
    assert radius[0] == pytest.approx(1.0, rel=1e-5)
    assert radius[0] < 1.0


@multi_backend
@pytest.mark.parametrize("epsilon", [0, 0.5, 1e38])
def test_dead_network(epsilon):
    """All logits equal: never certified, whatever the radius."""
    base = classifier(
        [layers.Dense(2), layers.ReLU(), layers.Dense(3)],
        [np.ones((1, 2)), [-9.0, -9.0], np.ones((2, 3)), np.ones(3)],
    )
    model = kl.GloroModel(base, epsilon)
    label, _ = model.predict_certified(np.ones((1, 1), "float32"))
    assert label[0] == -1


@multi_backend
def test_equal_rows():
    """Classes that move together: any radius, or none where they tie."""
    label, radius = decider(biased([2.0, 1.0]), "R")(np.ones((1, 1)))
    assert label[0] == 0
    assert radius[0] == np.inf
    label, radius = decider(biased([1.0, 1.0]), "R")(np.ones((1, 1)))
    assert radius[0] == 0


@multi_backend
@pytest.mark.parametrize("level", LEVELS)
def test_radius_zero(level):
    """At epsilon 0 a unique largest logit beyond rounding is enough."""
    base = linear_classifier([[1.0, 0.0]])
    x = np.array([[1e-3], [0.0]], "float32")
    model = kl.GloroModel(base, 0)
    model.certify(level)
    label, _ = model.predict_certified(x)
    np.testing.assert_array_equal(label, [0, -1])


@multi_backend
@pytest.mark.parametrize("epsilon", [0.1, 0.7, 1 / 3, 0.5, 3.0])
def test_margin_that_equals_the_slack(epsilon):
    """x = epsilon / sqrt(2) ... in the exact case of one pair of classes."""
    base = linear_classifier([[1.0, 0.0]])
    x = np.array([[epsilon]], "float32")
    exact = float(x[0, 0])
    model = kl.GloroModel(base, exact)
    label, radius = model.predict_certified(x)
    assert label[0] == -1
    assert exact * (1 - 1e-12) < radius[0] < exact
    model.epsilon = exact * (1 - 1e-6)
    assert model.predict_certified(x).label[0] == 0


@multi_backend
def test_epsilon_stays_in_float64():
    """float32(0.7) is smaller than 0.7: what lies between is refused."""
    low = float(np.float32(0.7))
    base = linear_classifier([[1.0, 0.0], [2.0**-30, 0.0]])
    x = np.array([[low, 8.0], [low, 16.0]], "float32")
    radius = low + x[:, 1].astype("float64") * 2.0**-30
    assert low < radius[0] < 0.7 < radius[1]
    model = kl.GloroModel(base, 0.7)
    label, found = model.predict_certified(x)
    np.testing.assert_array_equal(label, [-1, 0])
    np.testing.assert_allclose(found, radius, rtol=1e-12)


@multi_backend
def test_huge_radius():
    model = kl.GloroModel(linear_classifier([[1.0, 0.0]]), 1e38)
    x = np.array([[1e30]], "float32")
    assert model.predict_certified(x).label[0] == -1


@pytest.mark.parametrize("epsilon", [-1, float("nan"), float("inf")])
def test_impossible_radius(epsilon):
    with pytest.raises(ValueError, match="epsilon.*Received"):
        kl.GloroModel(linear_classifier([[1.0, 0.0]]), epsilon)


@multi_backend
@pytest.mark.parametrize("level", LEVELS)
def test_inputs_that_are_not_finite(level):
    base = dense_network()
    x = np.ones((4, 6), "float32")
    x[0, 0], x[1, 1], x[2, 2] = np.nan, np.inf, -np.inf
    _, radius = decider(base, level)(x)
    np.testing.assert_array_equal(radius[:3], 0)
    _, alone = decider(base, level)(x[3:])
    assert radius[3] == pytest.approx(alone[0], rel=1e-9)


@multi_backend
def test_inputs_beyond_float32():
    """Read as float32 they are infinite."""
    x = np.full((2, 1), 1e300)
    _, radius = decider(linear_classifier([[1.0, 0.0]]), "R")(x)
    np.testing.assert_array_equal(radius, 0)


@multi_backend
def test_radius_is_in_units_of_the_input():
    """Bytes without `Rescaling`: their units; with it: 255 times as much."""
    keras.utils.set_random_seed(0)
    dense = layers.Dense(3, use_bias=False)
    plain = keras.Sequential([keras.Input((4,)), dense])
    scaled = keras.Sequential(
        [keras.Input((4,), dtype="uint8"), layers.Rescaling(1 / 255), dense]
    )
    x = np.random.default_rng(0).integers(0, 256, (20, 4)).astype("uint8")
    small = decider(plain, "R")(x.astype("float32") / 255)[1]
    large = decider(scaled, "R")(x)[1]
    np.testing.assert_allclose(large, 255 * small, rtol=1e-4, atol=1e-3)
    shrunk = keras.Sequential(
        [keras.Input((4,)), layers.Rescaling(255.0), dense]
    )
    tiny = decider(shrunk, "R")(x.astype("float32") / 255**2)[1]
    np.testing.assert_allclose(255 * tiny, small, rtol=1e-4, atol=1e-5)


@multi_backend
def test_normalization_of_channels():
    keras.utils.set_random_seed(0)
    normalize = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 0.25])
    dense = layers.Dense(2, use_bias=False)
    base = keras.Sequential([keras.Input((2,)), normalize, dense])
    dense.set_weights([np.eye(2)])
    x = np.array([[5.0, 2.0]], "float32")
    _, radius = decider(base, "R")(x)
    # Logits (2, 0); the second channel is stretched by 2.
    assert radius[0] == pytest.approx(2 / (2 * 2**0.5), rel=1e-4)
    assert radius[0] < 2 / (2 * 2**0.5)


@multi_backend
@pytest.mark.parametrize("level", LEVELS)
def test_batches(level):
    base = dense_network()
    x = np.random.default_rng(0).standard_normal((1000, 6)).astype("float32")
    decide = decider(base, level)
    label, radius = decide(x)
    order = np.random.default_rng(1).permutation(len(x))
    for batch_size in (7, 1000):
        found = decide(x[order], batch_size)
        np.testing.assert_array_equal(found[0], label[order])
        np.testing.assert_allclose(found[1], radius[order], rtol=1e-9)
    alone = [decide(x[i : i + 1]) for i in range(20)]
    np.testing.assert_array_equal([a[0][0] for a in alone], label[:20])
    assert decide(x[:0])[0].shape == decide(x[:0])[1].shape == (0,)


@multi_backend
def test_forms_of_input():
    base = dense_network()
    x = np.random.default_rng(0).standard_normal((30, 6)).astype("float32")
    y = np.zeros(30)
    label, radius = decider(base, "R")(x)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return x[10 * i : 10 * i + 10], y[10 * i : 10 * i + 10]

    forms = [
        keras.ops.convert_to_tensor(x),
        Batches(),
        [x],
        {"x": x},
        ((x[i : i + 5], y[i : i + 5]) for i in range(0, 30, 5)),
    ]
    for form in forms:
        found = decider(base, "R")(form)
        np.testing.assert_array_equal(found[0], label)
        np.testing.assert_allclose(found[1], radius, rtol=1e-12)


def test_more_than_one_input():
    with pytest.raises(ValueError, match="one array.*Received: 2 values"):
        decider(dense_network(), "R")([np.ones((1, 6)), np.ones((1, 6))])


def test_tensorflow_dataset():
    import tensorflow as tf

    base = dense_network()
    x = np.random.default_rng(0).standard_normal((30, 6)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, np.zeros(30))).batch(8)
    expected = decider(base, "R")(x)
    found = decider(base, "R")(data)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)


@multi_backend
def test_two_classes_and_one():
    base = linear_classifier([[1.0, -1.0]])
    label, radius = decider(base, "R")(np.array([[1.0], [-2.0]], "float32"))
    np.testing.assert_array_equal(label, [0, 1])
    np.testing.assert_allclose(radius, [1.0, 2.0], rtol=1e-12)
    with pytest.raises(ValueError, match="two classes or more"):
        decider(linear_classifier([[1.0]]), "R")


@multi_backend
def test_level_is_kept_and_used(tmp_path):
    base = dense_network()
    model = kl.GloroModel(base, 0.1)
    x = np.random.default_rng(0).standard_normal((50, 6)).astype("float32")
    radii = {}
    for level in (*LEVELS, "estimate"):
        certificate = model.certify(level)
        assert certificate.level == level
        assert certificate.rigorous == (level != "estimate")
        radii[level] = model.predict_certified(x).radius
        assert model.certificate is certificate
    assert np.all(radii["F32"] <= radii["F64"])
    assert np.all(radii["F64"] <= radii["R"])
    model.certify("F32")
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.certificate.level == "F32"
    np.testing.assert_array_equal(
        loaded.predict_certified(x).radius, radii["F32"]
    )


@multi_backend
def test_changed_weights_are_decided_anew():
    model = kl.GloroModel(linear_classifier([[1.0, -1.0]]), 0.1)
    x = np.ones((1, 1), "float32")
    model.certify("F32")
    assert model.predict_certified(x).label[0] == 0
    model.base.layers[0].set_weights([np.array([[-1.0, 1.0]])])
    label, radius = model.predict_certified(x)
    assert label[0] == 1
    assert radius[0] == pytest.approx(1.0)


@multi_backend
def test_same_weights_behind_another_layer():
    """A certificate does not pass to a network that computes otherwise."""
    dense = layers.Dense(2, use_bias=False)
    slow = keras.Sequential([keras.Input((2,)), layers.Rescaling(0.01), dense])
    fast = keras.Sequential([keras.Input((2,)), layers.Rescaling(100.0), dense])
    first, second = kl.GloroModel(slow, 0.1), kl.GloroModel(fast, 0.1)
    certificate = first.certify()
    second.certificate = certificate
    x = np.array([[1.0, 0.0]], "float32")
    assert second.certified_radius(x)[0] <= 1.0
    assert second.certificate is not certificate
    other = keras.Sequential([keras.Input((2,)), layers.Rescaling(0.01), dense])
    assert kl.GloroModel(other, 0.1).fingerprint() == first.fingerprint()
