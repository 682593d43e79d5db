"""Every piece of a network in the ball is within the local constants."""

import keras
import numpy as np
import pytest
from keras import ops
from local_networks import constant

import keras_lipschitz as kl
from keras_lipschitz.certification.local.decider import LocalDecider
from keras_lipschitz.propagation.local.relevance import relevant_outputs

EPSILON, HIDDEN, SAMPLES = 0.3, 10, 6


def clipped_minmax(x):
    a, b = np.split(x, 2, axis=-1)
    ends = np.maximum(np.minimum(a, b), -0.3), np.minimum(np.maximum(a, b), 0.3)
    return np.concatenate(ends, axis=-1)


# The layer, and what it computes.
ACTIVATIONS = {
    "relu": (keras.layers.ReLU, lambda x: np.maximum(x, 0)),
    "relu_theta": (
        lambda: kl.layers.ReLUTheta(constant(0.4)),
        lambda x: np.clip(x, 0, 0.4),
    ),
    "clipped_minmax": (
        lambda: kl.layers.ClippedMinMax(constant(-0.3), constant(0.3)),
        clipped_minmax,
    ),
}


def body_of(base, function):
    """What the last layer reads, in float64."""
    dense = [v for v in base.layers if isinstance(v, keras.layers.Dense)]
    weights = [
        [ops.convert_to_numpy(w).astype("float64") for w in v.get_weights()]
        for v in dense[:-1]
    ]

    def body(x):
        for kernel, bias in weights:
            x = function(x @ kernel + bias)
        return x

    return body


def disc(center):
    """A grid that is finer than any piece that matters."""
    line = np.linspace(-EPSILON, EPSILON, 121)
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return center + points[np.linalg.norm(points, axis=1) < EPSILON]


def jacobians(body, x, step=1e-7):
    """By differences, exact but for roundings where nothing has a kink."""
    columns = [
        (body(x + step * e) - body(x - step * e)) / (2 * step)
        for e in np.eye(2)
    ]
    return np.stack(columns, axis=-1)


def proven_constants(model, x):
    decider = LocalDecider(model.certificate, model.bound, EPSILON)
    regions = decider.regions(x.astype("float64"))
    relevant = relevant_outputs(decider.composition, regions)
    return [
        decider._constant(decider._proven(decider._masks(regions, relevant, i)))
        for i in range(len(x))
    ]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_pattern_in_the_ball_is_steeper(name):
    keras.utils.set_random_seed(1)
    layer, function = ACTIVATIONS[name]
    base = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(HIDDEN, bias_initializer="normal"),
            layer(),
            keras.layers.Dense(HIDDEN, bias_initializer="normal"),
            layer(),
            keras.layers.Dense(3),
        ]
    )
    bound = kl.bounds.LocalLipschitz(evaluation_steps=200)
    model = kl.GloroModel(base, EPSILON, bound=bound)
    for _ in range(100):
        bound.estimated_norms(advance=True)
    certificate = model.certify()
    x = np.random.default_rng(0).normal(size=(SAMPLES, 2)).astype("float32")
    norms = bound.estimated_local_norms(x, EPSILON)
    estimated = ops.convert_to_numpy(bound.composition.body_constant(norms))
    proven = proven_constants(model, x)
    assert np.min(proven) < 0.9 * certificate.body_constant
    body, patterns = body_of(base, function), set()
    for i in range(SAMPLES):
        found = jacobians(body, disc(x[i].astype("float64")))
        steepest = np.linalg.norm(found, 2, axis=(1, 2)).max()
        assert steepest <= proven[i] * (1 + 1e-6)
        assert steepest <= estimated[i] * 1.001
        assert estimated[i] <= proven[i] * (1 + 1e-5)
        patterns.update(np.round(found, 4).tobytes() for found in found)
    assert len(patterns) > 30
