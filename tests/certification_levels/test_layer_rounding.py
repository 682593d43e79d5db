"""What layers really round, against what is said of them."""

import keras
import numpy as np
import pytest
from keras import layers
from level_networks import decider
from level_networks import float32_logits
from level_networks import track
from zoo import FUNCTIONS
from zoo import NETWORKS

import keras_lipschitz as kl
from keras_lipschitz.certification.evaluations import evaluation
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.formats import SINGLE
from keras_lipschitz.certification.levels import check_level
from keras_lipschitz.certification.residual_blocks import with_residual_blocks

multi_backend = pytest.mark.multi_backend


def inputs_of(base, samples=16, size=1.0):
    random = np.random.default_rng(0)
    x = size * random.standard_normal((samples, *base.input_shape[1:]))
    return x.astype("float32")


def bounded_margins(base, x, form=SINGLE):
    """Logits on the host, and bounds of the error of their margins."""
    decide, tracked = track(base, x, form)
    body = tracked[decide.network.last]
    logits, host, deployed, _ = decide.head.margins(body)
    return logits, host[..., 0] + deployed[..., 0]


def largest_ratio(logits, bound, actual):
    """The error of margins over its bound, the largest of all."""
    rows = np.arange(len(logits))
    anchor = logits.argmax(axis=1)
    error = actual.astype("float64") - logits
    error = np.abs(error - error[rows, anchor][:, None])
    bound = bound.copy()
    bound[rows, anchor] = np.inf
    return np.max(error / bound)


@multi_backend
@pytest.mark.parametrize("name", NETWORKS)
def test_margins_are_within_the_bound(name):
    base = NETWORKS[name]()
    x = inputs_of(base)
    actual = float32_logits(base, x)
    ratio = largest_ratio(*bounded_margins(base, x), actual)
    assert ratio <= 1
    # Not a bound of something else, either.
    assert ratio > 1e-7


@pytest.mark.parametrize("name", NETWORKS)
def test_every_tensor_is_within_the_bound(name):
    base = NETWORKS[name]()
    x = inputs_of(base, size=3.0)
    _, tracked = track(base, x)
    actual = every_tensor(base, x)
    # Not what is inside of residual blocks, nor after the last tensor tracked.
    indices = tracked.keys() & actual.keys()
    assert indices
    for index in indices:
        value = tracked[index]
        expected = value.value
        error = (actual[index] - expected).reshape(len(x), -1)
        bound = value.host[:, 0] + value.deployed[:, 0]
        assert np.all(np.linalg.norm(error, axis=1) <= bound)
        assert np.all(
            np.linalg.norm(expected.reshape(len(x), -1), axis=1) <= value.size
        )


def every_tensor(base, x):
    """Dict from tensor index to what its layer computes."""

    def called(step, values):
        return step.layer(values if len(values) > 1 else values[0])

    graph = kl.bounds.Composition(base).graph
    values = graph.walk(called, keras.ops.convert_to_tensor(x))
    del values[graph.input]
    return {
        index: keras.ops.convert_to_numpy(value).astype("float64")
        for index, value in values.items()
    }


def test_all_registered_evaluations_are_tried():
    tried = set()
    for build in (*NETWORKS.values(), *FUNCTIONS.values()):
        composition = with_residual_blocks(kl.bounds.Composition(build()))
        tried |= {type(step.layer) for step in composition.graph.steps}
    registered = set(evaluation._EVALUATIONS)
    registered -= {layers.InputLayer}
    assert {t.__name__ for t in registered - tried} == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_for_exact_arithmetic(name):
    base = FUNCTIONS[name]()
    x = inputs_of(base)
    decide = decider(base, "R")
    label, _ = decide(x)
    np.testing.assert_array_equal(label, float32_logits(base, x).argmax(axis=1))
    with pytest.raises(ValueError, match="level 'F32'"):
        check_level("F32", decide.network.evaluations)
    with pytest.raises(ValueError, match="level 'F64'"):
        check_level("F64", decide.network.evaluations)


@multi_backend
def test_order_of_sums():
    """100 random orders of a sum of 65536 terms that nearly cancel."""
    random = np.random.default_rng(0)
    kernel = random.uniform(0.5, 1.5, 65536) * 1e3
    kernel[1::2] = -kernel[::2] * (1 + 1e-6)
    kernel = np.stack([kernel, random.standard_normal(65536)], axis=1)
    base = keras.Sequential(
        [keras.Input((65536,)), layers.Dense(2, use_bias=False)]
    )
    base.set_weights([kernel.astype("float32")])
    x = random.uniform(0.5, 1.5, (1, 65536)).astype("float32")

    products = x[0][:, None] * base.get_weights()[0]
    bounded = bounded_margins(base, x)
    ratios = []
    for _ in range(100):
        order = random.permutation(65536)
        actual = np.cumsum(products[order], axis=0, dtype="float32")[-1:]
        ratios.append(largest_ratio(*bounded, actual))
    assert 1e-7 < max(ratios) <= 1


@multi_backend
@pytest.mark.parametrize("way", ["together", "one_by_one", "compiled"])
@pytest.mark.parametrize("name", ["deep", "branches"])
def test_ways_to_evaluate(name, way):
    base = NETWORKS[name]()
    x = inputs_of(base, samples=64)

    if way == "together":
        actual = float32_logits(base, x)
    elif way == "one_by_one":
        actual = np.concatenate([float32_logits(base, p[None]) for p in x])
    else:
        # PyTorch's compiler needs one for C++.
        base.compile(jit_compile=keras.backend.backend() != "torch")
        actual = base.predict(x, verbose=0)
    assert largest_ratio(*bounded_margins(base, x), actual) <= 1


@multi_backend
def test_anywhere_in_the_ball():
    """The bound at the centre holds for the evaluation at other inputs."""
    base = NETWORKS["deep"]()
    random = np.random.default_rng(0)
    x = inputs_of(base, samples=8)
    moved = random.standard_normal(x.shape)
    size = np.linalg.norm(moved.reshape(len(x), -1), axis=1)
    for epsilon in (1e-3, 1.0, 100.0, 1e4):
        near = x + epsilon * moved / size.reshape(-1, 1, 1, 1)
        near = near.astype("float32")
        distance = np.linalg.norm(
            (near.astype("float64") - x).reshape(len(x), -1), axis=1
        )
        decide, tracked = track(base, x)
        body = tracked[decide.network.last]
        _, there = track(base, near)
        exact = there[decide.network.last].value
        below = keras.Model(base.inputs, base.layers[-1].input)
        actual = keras.ops.convert_to_numpy(below(near))
        error = np.linalg.norm(actual - exact, axis=1)
        bound = body.deployed @ np.stack([np.ones(len(x)), distance])
        assert np.all(error <= np.diagonal(bound))


def test_gamma():
    for form in (SINGLE, DOUBLE):
        assert form.gamma(0) == 0
        exact = 7 * form.unit / (1 - 7 * form.unit)
        assert exact <= form.gamma(7) < exact * (1 + 1e-12)
        assert form.gamma(2**60) == np.inf


def float64_twin(base):
    """The network again, by Keras, in float64 throughout."""

    def in_float64(layer):
        config = {**layer.get_config(), "dtype": "float64"}
        return type(layer).from_config(config)

    twin = keras.models.clone_model(base, clone_function=in_float64)
    twin.set_weights(base.get_weights())
    return twin


# TensorFlow alone computes in float64 what it is given in float64.
@pytest.mark.parametrize("name", NETWORKS)
def test_another_evaluation_in_float64(name):
    base = NETWORKS[name]()
    if name in ("average_pooling3d", "max_pooling3d", "nested"):
        pytest.skip("not possible in float64, or not by cloning")
    twin = float64_twin(base)

    x = inputs_of(base)
    actual = keras.ops.convert_to_numpy(twin(x.astype("float64")))
    assert largest_ratio(*bounded_margins(base, x, DOUBLE), actual) <= 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_float64(name):
    """Keras' own constants are right to float32 only."""
    base = FUNCTIONS[name]()
    x = inputs_of(base).astype("float64")
    decide, tracked = track(base, x, DOUBLE)
    logits, *_ = decide.head.margins(tracked[decide.network.last])
    expected = keras.ops.convert_to_numpy(float64_twin(base)(x))
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


@multi_backend
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_against_exact_values(name):
    """To 2^-44 of 1 + |x|, from fractions and series of high precision."""
    mpmath = pytest.importorskip("mpmath")
    from keras_lipschitz.certification.evaluations import activations

    truths = {
        "elu": lambda x: x if x > 0 else mpmath.expm1(x),
        "gelu": lambda x: x * mpmath.ncdf(x),
        "selu": lambda x: (
            mpmath.mpf(1.0507009873554805)
            * (x if x > 0 else mpmath.mpf(1.6732632423543772) * mpmath.expm1(x))
        ),
        "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
        "silu": lambda x: x / (1 + mpmath.exp(-x)),
        "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
        "softsign": lambda x: x / (1 + abs(x)),
        "tanh": mpmath.tanh,
    }
    if name not in truths:
        pytest.skip("the same functions in other layers")
    evaluation = activations.evaluation_of_activation(name)
    points = np.concatenate(
        [np.linspace(-40, 40, 801), np.logspace(-300, 2, 200)]
    )
    points = np.concatenate([points, -points, [0.0]])
    with mpmath.workdps(60):
        exact = [float(truths[name](mpmath.mpf(x))) for x in points]
    error = np.abs(evaluation.compute(points) - exact)
    assert np.all(error <= 2.0**-44 * (1 + np.abs(points)))
    assert np.max(error / (1 + np.abs(points))) < 2.0**-48
