"""Cases in which the bounds of rounding are all but attained."""

from fractions import Fraction

import numpy as np
import pytest
from keras import layers
from level_networks import classifier
from level_networks import decider
from level_networks import linear_classifier
from level_networks import track

from keras_lipschitz.certification.decisions.radii import proven_radius

multi_backend = pytest.mark.multi_backend
TERMS = 500
# Added to 1 it is lost: the sum is half-way, and goes to the even side.
LOST = 2.0**-24


def one_by_one(kernel, bias, x):
    """Dense in float32, the terms added in order, the bias first."""
    products = np.float32(x)[:, None] * np.float32(kernel)
    terms = np.concatenate([np.float32(bias)[None], products])
    return np.cumsum(terms, axis=0, dtype="float32")[-1]


def body_bound(layer_list, weights, x, epsilon=0.0):
    """The bound of the deviation of what a head would read."""
    units = np.shape(weights[-1])[-1]
    weights = [*weights, np.eye(units, 2)]
    head = layers.Dense(2, use_bias=False)
    base = classifier([*layer_list, head], weights)
    decide, tracked = track(base, x)
    body = tracked[decide.network.last]
    return body.deployed @ [1.0, epsilon] + body.host @ [1.0, epsilon]


def lossy_sums():
    """Kernels and biases whose sum at ones loses all but its first term."""
    kernel = np.full((TERMS, 1), LOST)
    kernel[0] = 1.0
    yield kernel, np.zeros(1)
    yield np.full((TERMS, 1), LOST), np.ones(1)


@multi_backend
@pytest.mark.parametrize("case", [0, 1])
def test_one_sum(case):
    kernel, bias = list(lossy_sums())[case]
    x = np.ones((1, TERMS), "float32")
    exact = (x.astype("float64") @ kernel + bias)[0]
    error = abs(one_by_one(kernel, bias, x[0]) - exact)[0]
    (bound,) = body_bound([layers.Dense(1)], [kernel, bias], x)
    assert error >= (TERMS - 1) * LOST
    assert error <= bound < 1.02 * error


@multi_backend
def test_carried_on():
    """The error of one layer, stretched by the next."""
    kernel, bias = next(lossy_sums())
    x = np.ones((1, TERMS), "float32")
    exact = 1000 * (x.astype("float64") @ kernel)[0, 0]
    error = abs(1000 * one_by_one(kernel, bias, x[0])[0] - exact)
    (bound,) = body_bound(
        [layers.Dense(1), layers.Dense(1)],
        [kernel, bias, [[1000.0]], [0.0]],
        x,
    )
    assert error <= bound < 1.05 * error


@multi_backend
def test_elsewhere_in_the_ball():
    """At the centre nothing rounds; at ones everything does."""
    kernel, bias = next(lossy_sums())
    centre, x = np.zeros((1, TERMS), "float32"), np.ones(TERMS)
    exact = (x @ kernel)[0]
    error = abs(one_by_one(kernel, bias, x)[0] - exact)
    distance = TERMS**0.5
    (bound,) = body_bound([layers.Dense(1)], [kernel, bias], centre, distance)
    assert error <= bound


@multi_backend
def test_of_a_margin():
    """The same in the last layer, for two classes at once."""
    kernel = np.full((TERMS, 2), LOST)
    kernel[0] = 1.0
    kernel[:, 1] *= -1
    base = linear_classifier(kernel)
    x = np.ones((1, TERMS), "float32")
    decide, tracked = track(base, x)
    logits, host, deployed, _ = decide.head.margins(
        tracked[decide.network.last]
    )
    actual = one_by_one(kernel, np.zeros(2), x[0]).astype("float64")
    error = abs((actual - logits[0])[0] - (actual - logits[0])[1])
    bound = (host + deployed)[0, 1, 0]
    assert error <= bound < 1.02 * error


@multi_backend
def test_float64_that_is_wrong():
    """Order decides what float64 finds; nothing may be proved from it."""
    large = 2.0**60
    kernel = np.array([[large, 0.0], [1.0, 0.5], [-large, 0.0]])
    base = linear_classifier(kernel)
    x = np.ones((1, 3), "float32")
    label, radius = decider(base, "R")(x)
    assert label[0] == 0 or radius[0] == 0
    hidden = classifier(
        [layers.Dense(2, use_bias=False), layers.Dense(2, use_bias=False)],
        [kernel, np.eye(2)],
    )
    label, radius = decider(hidden, "R")(x)
    assert label[0] == 0 or radius[0] == 0


@multi_backend
def test_underflow_in_a_sum():
    """A thousand products, each just below what float32 keeps normal."""
    kernel = np.full((TERMS, 1), 2.0**-120)
    x = np.full((1, TERMS), 2.0**-7, "float32")
    exact = TERMS * 2.0**-127
    (bound,) = body_bound([layers.Dense(1)], [kernel, [0.0]], x)
    assert exact <= bound


def test_radius_is_rounded_down():
    """In fractions: strictly within, for every class."""
    random = np.random.default_rng(0)
    samples, classes = 3000, 4
    logits = random.standard_normal((samples, classes))
    logits[::3] *= 10.0 ** random.integers(-30, 30, (samples, classes))[::3]
    logits[::5] = np.round(logits[::5] * 8) / 8
    constants = np.abs(random.standard_normal((classes, classes)))
    constants = constants + constants.T
    rounding = 1e-9 * random.random((samples, classes))
    deviation = 1e-7 * random.random((samples, classes, 2))
    rounding[::2] = 0
    deviation[::2] = 0
    radii = proven_radius(logits, constants, rounding, deviation)
    certified = 0
    for f, r, d, radius in zip(logits, rounding, deviation, radii, strict=True):
        if radius == 0:
            continue
        certified += 1
        j = int(f.argmax())
        for i in set(range(classes)) - {j}:
            room = Fraction(f[j]) - Fraction(f[i]) - Fraction(r[i])
            used = Fraction(radius) * Fraction(constants[j, i]) + Fraction(
                d[i, 0]
            )
            assert room > used + Fraction(radius) * Fraction(d[i, 1])
    assert certified > samples / 2


def test_radius_is_tight():
    constants = np.array([[0.0, 3.0], [3.0, 0.0]])
    none = np.zeros((1, 2, 2))
    (radius,) = proven_radius(
        np.array([[1.0, 0.0]]), constants, none[..., 0], none
    )
    assert 1 / 3 * (1 - 1e-15) < radius < Fraction(1, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_unknown_deviation_proves_nothing(value):
    constants = np.ones((2, 2))
    logits = np.array([[1.0, 0.0]])
    none, unknown = np.zeros((1, 2, 2)), np.full((1, 2, 2), value)
    for rounding, deviation in (
        (unknown[..., 0], none),
        (none[..., 0], unknown),
    ):
        radius = proven_radius(logits, constants, rounding, deviation)
        assert radius[0] == 0
    assert proven_radius(logits, value * constants, none[..., 0], none)[0] == 0
