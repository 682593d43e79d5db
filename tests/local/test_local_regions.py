"""Boxes, masks and local constants, by a search for what they forbid."""

import keras
import numpy as np
import pytest
from keras import ops
from local_networks import NETWORKS
from local_networks import bound_of
from local_networks import in_ball
from local_networks import inputs
from local_networks import network
from local_networks import values_of

import keras_lipschitz as kl
from keras_lipschitz.bounds.local.options import WORST_CASES

EPSILON = 0.25


# Pairs are sorted in the clipped ones too.
@pytest.fixture(scope="module", params=[n for n in NETWORKS if n != "minmax"])
def bound(request):
    return bound_of(network(request.param))


@pytest.mark.parametrize("intervals", [True, False])
def test_regions_hold_all_that_the_ball_reaches(bound, intervals):
    x = inputs(2)
    if not intervals:
        bound = bound_of(bound.graph.model, intervals=False)
    norms = bound.estimated_norms()
    regions, _ = bound.local.walk(x, EPSILON, norms)
    shares = []
    for i in range(len(x)):
        points = np.concatenate([in_ball(x[i], EPSILON, 300), x[i : i + 1]])
        values = values_of(bound, points)
        for tensor, region in regions.items():
            value = ops.convert_to_numpy(values[tensor])
            lower, upper, center = (
                ops.convert_to_numpy(end)[i]
                for end in (region.lower, region.upper, region.center)
            )
            np.testing.assert_allclose(value[-1], center, atol=1e-5)
            assert (value >= lower - 1e-5).all()
            assert (value <= upper + 1e-5).all()
            moved = (value - center).reshape(len(points), -1)
            radius = float(ops.convert_to_numpy(region.radius))
            assert (np.linalg.norm(moved, axis=1) <= radius * 1.001).all()
            varying = ops.convert_to_numpy(region.varying)[i].ravel()
            assert (np.abs(moved[:, varying == 0]) < 1e-5).all()
            shares.append(varying.mean())
    if bound.graph.model.name.startswith("sequential"):
        assert (
            any(
                isinstance(layer, kl.layers.MinMax)
                for layer in bound.graph.model.layers
            )
            or min(shares) < 0.95
        )


def jacobians(model, x):
    """The Jacobian of the logits at every input, as matrices."""
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        logits = tf.unstack(model(x, training=False), axis=1)
    rows = [tape.gradient(logit, x).numpy() for logit in logits]
    return np.stack(rows, axis=1).reshape(len(x), len(rows), -1)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Jacobians by a tape"
)
def test_nothing_in_the_ball_moves_faster_or_further(bound):
    """Jacobians and margins, at random points and where ascent leads."""
    x, label, base = inputs(3), np.array([0, 1, 2]), bound.graph.model
    whole = float(bound.composition.body_constant(bound.estimated_norms()))
    norms = bound.estimated_local_norms(x, EPSILON)
    constants = ops.convert_to_numpy(bound.composition.body_constant(norms))
    constants = np.broadcast_to(constants, len(x))
    assert (constants <= whole).all()
    if isinstance(base.layers[1], keras.layers.ReLU):
        assert constants.mean() < 0.9 * whole
    slack = {}
    for worst_case in WORST_CASES:
        other = bound_of(base, worst_case=worst_case)
        slack[worst_case] = ops.convert_to_numpy(
            other.estimated_slack(label, EPSILON, x)
        )
    assert (slack["ball_and_box"] <= slack["ball"] * 1.00001).all()
    kernel = ops.convert_to_numpy(base.layers[-1].kernel)
    logits = ops.convert_to_numpy(base(x))
    for i, j in enumerate(label):
        points = np.concatenate(
            [in_ball(x[i], EPSILON, 100), _attack(base, x[i], j)]
        )
        found = jacobians(base, points)
        moved = np.linalg.norm(found - found[:, j, None], axis=2)
        rates = np.linalg.norm(kernel - kernel[:, j, None], axis=0)
        assert (moved <= constants[i] * rates * 1.001).all()
        found = ops.convert_to_numpy(base(points))
        moved = found - found[:, j, None] - (logits[i] - logits[i, j])
        for reached in slack.values():
            assert (moved <= reached[i] * 1.001 + 1e-5).all()


def _attack(base, x, label):
    """Points at the surface, found by ascent of the other classes."""
    random = np.random.default_rng(0)
    step = 0.01 * random.normal(size=(8, *x.shape))
    other = np.where(np.arange(8) % 2, (label + 1) % 3, (label + 2) % 3)
    for _ in range(8):
        found = jacobians(base, (x + step).astype("float32"))
        slope = found[np.arange(8), other] - found[:, label]
        step = step + 0.4 * EPSILON * _unit(slope.reshape(step.shape))
        step = _unit(step) * EPSILON
    return (x + step).astype("float32")


def _unit(x):
    lengths = np.sqrt((x**2).sum(axis=(1, 2, 3), keepdims=True))
    return x / np.maximum(lengths, 1e-9)


def test_the_radius_of_inputs_is_cut_at_their_range():
    x = np.clip(inputs(2), 0, 1)
    whole = bound_of(network("relu"))
    norms = whole.estimated_norms()
    whole, _ = whole.local.walk(x, 0.5, norms)
    cut = bound_of(network("relu"), valid_range=(0.0, 1.0))
    norms = cut.estimated_norms()
    cut, _ = cut.local.walk(x, 0.5, norms)
    for tensor, region in cut.items():
        width = ops.convert_to_numpy(region.upper - region.lower)
        other = ops.convert_to_numpy(whole[tensor].upper - whole[tensor].lower)
        assert (width <= other + 1e-5).all()
    start = ops.convert_to_numpy(cut[0].lower)
    assert start.min() >= 0.0
