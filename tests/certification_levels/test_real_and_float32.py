"""What exact arithmetic certifies and float32 must not."""

import keras
import numpy as np
import pytest
from level_networks import TWO_WEIGHTS_INPUT
from level_networks import classifier
from level_networks import clusters
from level_networks import decider
from level_networks import dense_network
from level_networks import exact_logits
from level_networks import float32_flip
from level_networks import float32_logits
from level_networks import linear_classifier
from level_networks import trained_network
from level_networks import two_weights
from level_networks import with_compensated_bias

import keras_lipschitz as kl

multi_backend = pytest.mark.multi_backend


@multi_backend
def test_two_weights_in_exact_arithmetic():
    """The margin is x (w_2 - w_1): it vanishes at a distance of x."""
    label, radius = decider(two_weights(), "R")(TWO_WEIGHTS_INPUT)
    assert label[0] == 1
    np.testing.assert_allclose(radius, TWO_WEIGHTS_INPUT[0], rtol=1e-6)
    assert radius[0] <= TWO_WEIGHTS_INPUT[0, 0]


@multi_backend
def test_two_weights_in_float32():
    base = two_weights()
    _, radius = decider(base, "F32")(TWO_WEIGHTS_INPUT)
    assert radius[0] == 0
    point, squared = float32_flip(base, TWO_WEIGHTS_INPUT[0], 1, 0.19)
    logits = float32_logits(base, point[None])[0]
    assert logits[0] >= logits[1]
    assert squared < 0.19**2


def test_two_weights_in_float64():
    """The same, one precision up."""
    one = 0.9890594482421875
    layer = keras.layers.Dense(2, use_bias=False, dtype="float64")
    base = keras.Sequential([keras.Input((1,), dtype="float64"), layer])
    base.set_weights([np.array([[one, np.nextafter(one, 2)]])])
    x = np.array([[0.19721232]])
    _, real = decider(base, "R")(x)
    _, deployed = decider(base, "F64")(x)
    assert real[0] == 0 or real[0] <= x[0, 0]
    assert deployed[0] == 0


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    return trained_network()


@pytest.mark.parametrize("penultimate", [True, False])
def test_compensated_bias(trained, penultimate):
    """Same function, same Lipschitz bound, and float32 loses it."""
    base, x, y = trained
    shifted = with_compensated_bias(base, 2.0**25, penultimate)
    label, radius = decider(shifted, "R")(x)
    assert np.mean((radius > 0.3) & (label == y)) > 0.9
    _, deployed = decider(shifted, "F32")(x)
    assert np.all(deployed == 0)
    flips = 0
    for i in np.flatnonzero(radius > 0.3)[:40]:
        found = float32_flip(shifted, x[i], label[i], radius[i], tries=400)
        if found is not None:
            flips += 1
            point, squared = found
            assert 0 < squared <= radius[i] ** 2
            exact = exact_logits(shifted, point[None])[0]
            assert all(
                exact[label[i]] > other
                for j, other in enumerate(exact)
                if j != label[i]
            )
    assert flips > 0


@multi_backend
def test_float64_is_almost_free(trained):
    base, x, _ = trained
    label, real = decider(base, "R")(x)
    _, double = decider(base, "F64")(x)
    _, single = decider(base, "F32")(x)
    assert np.all(single <= double) and np.all(double <= real)
    some = real > 0.01
    np.testing.assert_allclose(double[some], real[some], rtol=1e-9)
    np.testing.assert_allclose(single[some], real[some], rtol=0.02)
    assert np.all(single[some] < real[some])
    np.testing.assert_array_equal(
        float32_logits(base, x[some]).argmax(axis=1), label[some]
    )


@multi_backend
def test_rounding_of_logits_is_counted():
    """A margin below what float64 can resolve proves nothing."""
    kernel = np.array([[1.0, 1.0 + 2.0**-23], [1e12, 1e12]])
    base = linear_classifier(kernel)
    x = np.array([[1.0, 1.0], [1.0, 0.0]], "float32")
    _, radius = decider(base, "R")(x)
    truth = [2.0**-23 / 2.0**-23, 1.0]
    assert np.all(radius <= truth)
    assert radius[1] == pytest.approx(1.0)


@multi_backend
def test_products_below_the_range_of_float32():
    """1e-45 exists in exact arithmetic, and is flushed to zero on a CPU."""
    base = classifier(
        [keras.layers.Dense(1, use_bias=False)]
        + [keras.layers.Dense(2, use_bias=False)],
        [[[1e-20]], [[1e-25, 0.0]]],
    )
    x = np.array([[1.0]], "float32")
    label, radius = decider(base, "R")(x)
    assert label[0] == 0
    assert radius[0] == pytest.approx(1.0, rel=1e-5)
    _, deployed = decider(base, "F32")(x)
    assert deployed[0] == 0


@multi_backend
def test_products_beyond_the_range_of_float32():
    weights = [[[1e20]], [[1e20]], [[1e-35, 0.0]]]
    base = classifier(
        [keras.layers.Dense(n, use_bias=False) for n in (1, 1, 2)], weights
    )
    x = np.array([[1.0]], "float32")
    label, radius = decider(base, "R")(x)
    assert label[0] == 0
    assert radius[0] == pytest.approx(1.0, rel=1e-5)
    assert not np.isfinite(float32_logits(base, x)).all()
    _, deployed = decider(base, "F32")(x)
    assert deployed[0] == 0


@multi_backend
def test_overflow_within_the_ball():
    """What overflows only far away limits the radius, and no more."""
    weights = [[[2.0**100]], [[2.0**-100, -(2.0**-100)]]]
    base = classifier(
        [keras.layers.Dense(n, use_bias=False) for n in (1, 2)], weights
    )
    x = np.array([[2.0**20]], "float32")
    _, real = decider(base, "R")(x)
    _, deployed = decider(base, "F32")(x)
    assert real[0] == pytest.approx(2.0**20)
    assert deployed[0] == pytest.approx(2.0**20, rel=1e-3)
    weights[0][0][0] = 2.0**106
    base.set_weights([np.array(w, "float32") for w in weights])
    _, deployed = decider(base, "F32")(x)
    assert deployed[0] == 0


def test_overflow_inside_a_residual_block():
    """The hidden number overflows, and what multiplies it is small."""
    x = inputs = keras.Input((1,))
    largest = float(np.finfo("float32").max)
    hidden = keras.layers.Dense(1, activation="relu")
    back = keras.layers.Dense(1, use_bias=False)
    logits = keras.layers.Dense(2, use_bias=False)
    x = keras.layers.Add()([x, back(hidden(x))])
    base = keras.Model(inputs, logits(x))
    hidden.set_weights([np.array([[2.0**-20]]), np.array([largest])])
    back.set_weights([np.array([[-(2.0**-19)]])])
    logits.set_weights([np.array([[2.0**-100, 0.0]])])
    x = np.array([[2.0**124]], "float32")
    assert not np.isfinite(float32_logits(base, x)).all()
    assert decider(base, "R")(x)[1][0] > 0
    assert decider(base, "F32")(x)[1][0] == 0


@multi_backend
@pytest.mark.parametrize("power", [-40, 40])
def test_compensating_rescale(power):
    """A power of two between layers changes nothing."""
    base = dense_network(3)
    x, _ = clusters(50)
    bound = kl.bounds.GlobalLipschitz()
    bound.attach(base)
    before = kl.certification.certify(bound, "")
    radius = decider(base, "R")(x)[1]
    w1, b1, w2, b2, w3, b3 = base.get_weights()
    scale = 2.0**power
    base.set_weights([w1, b1, w2 * scale, b2 * scale, w3 / scale, b3])
    after = kl.certification.certify(bound, "")
    np.testing.assert_array_equal(
        before.margin_constants, after.margin_constants
    )
    np.testing.assert_allclose(decider(base, "R")(x)[1], radius, rtol=1e-12)


@multi_backend
@pytest.mark.parametrize("exponent", [-30, -20, -10, 10, 20, 30])
def test_extreme_weights(exponent):
    """Scaling all logits leaves the radius where it is, or gives none."""
    kernel = np.array([[1.0, -1.0, 0.5], [0.25, 1.0, -2.0]])
    x = np.array([[1.0, 0.5], [-1.0, 2.0], [0.0, 1e-3]], "float32")
    reference = decider(linear_classifier(kernel), "R")(x)[1]
    base = linear_classifier(kernel * 10.0**exponent)
    np.testing.assert_allclose(decider(base, "R")(x)[1], reference, rtol=1e-5)
    deployed = decider(base, "F32")(x)[1]
    assert np.all(deployed <= reference * (1 + 1e-5))
    assert np.all(np.isfinite(deployed))
