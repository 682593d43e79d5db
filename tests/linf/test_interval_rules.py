"""What layers make of boxes, on the device and on the host."""

import functools
import math

import keras
import numpy as np
import pytest
from slow_linf import to_numpy

import keras_lipschitz as kl
from keras_lipschitz.bounds import Composition
from keras_lipschitz.certification.decisions.box_walk import BoxWalk
from keras_lipschitz.certification.evaluations import distances
from keras_lipschitz.certification.evaluations.network import EvaluatedNetwork
from keras_lipschitz.certification.formats import SINGLE
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.certification.norms.row_sums import row_sum_norm
from keras_lipschitz.propagation.intervals import Box
from keras_lipschitz.propagation.intervals import input_box
from keras_lipschitz.propagation.intervals import propagate
from keras_lipschitz.propagation.intervals import registry
from keras_lipschitz.propagation.rules.regularization import INACTIVE

multi_backend = pytest.mark.multi_backend
layers = keras.layers
NORMAL = keras.initializers.RandomNormal(stddev=0.5)


def chain(shape, *stack):
    x = keras.Input(shape)
    y = x
    for layer in stack:
        y = layer(y)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


def vectors():
    return chain(
        (6,),
        layers.Dense(8, activation="gelu", bias_initializer=NORMAL),
        layers.BatchNormalization(epsilon=2.0**-10),
        kl.layers.GroupSort(4),
        kl.layers.ClippedMinMax(),
        kl.layers.ReLUTheta(),
        layers.PReLU(NORMAL),
        layers.LeakyReLU(0.25),
        kl.layers.LipschitzDense(5, activation="relu"),
        layers.ELU(0.75),
        layers.Dropout(0.3),
        layers.RepeatVector(2),
        layers.Permute((2, 1)),
        kl.layers.LInfDist(4, use_bias=True),
        kl.layers.MeanShift(),
        kl.layers.Scaling(keras.initializers.Constant(-1.5)),
        layers.Activation("silu"),
        layers.Identity(),
    )


def images():
    return chain(
        (6, 6, 2),
        layers.Normalization(mean=[0.1, 0.2], variance=[0.5, 0.3]),
        layers.Rescaling(-0.75, offset=0.125),
        layers.ZeroPadding2D(1),
        layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh"),
        kl.layers.MinMax(),
        layers.DepthwiseConv2D(2, padding="same", bias_initializer=NORMAL),
        kl.layers.LInfDistConv2D(3, 2, padding="same", use_bias=True),
        layers.ReLU(max_value=3.0),
        layers.UpSampling2D(2),
        layers.Cropping2D(1),
        layers.MaxPooling2D(2, strides=1),
        layers.AveragePooling2D(2, padding="same"),
        kl.layers.LipschitzConv2D(4, 2),
        kl.layers.LipschitzDepthwiseConv2D(2),
        kl.layers.Flip(),
        kl.layers.InvertibleUpsampling(2),
        kl.layers.InvertibleDownsampling(2),
        kl.layers.ScaledAveragePooling2D(1),
        layers.Reshape((1, 4)),
    )


def channels_first():
    options = {"data_format": "channels_first"}
    return chain(
        (2, 5, 5),
        kl.layers.LInfDistConv2D(3, 2, use_bias=True, **options),
        kl.layers.MeanShift(axis=1),
        kl.layers.LInfDistConv2D(3, 2, 2, "same", use_bias=True, **options),
    )


def signals():
    return chain(
        (8, 2),
        layers.Conv1D(4, 3, padding="causal", bias_initializer=NORMAL),
        layers.ZeroPadding1D(1),
        layers.MaxPooling1D(2, strides=1),
        layers.DepthwiseConv1D(2),
        layers.Cropping1D(1),
        layers.UpSampling1D(2),
        layers.AveragePooling1D(2),
        layers.GlobalMaxPooling1D(keepdims=True),
        layers.GlobalAveragePooling1D(),
    )


def volumes():
    return chain(
        (4, 4, 4, 1),
        layers.Conv3D(2, 2, bias_initializer=NORMAL),
        layers.ZeroPadding3D(1),
        layers.MaxPooling3D(2, strides=1),
        layers.Cropping3D(1),
        layers.UpSampling3D(2),
        layers.AveragePooling3D(2),
        layers.GlobalMaxPooling3D(keepdims=True),
        layers.GlobalAveragePooling3D(),
    )


def branches():
    x = keras.Input((4, 4, 2))
    a = layers.Conv2D(2, 3, padding="same")(x)
    joined = layers.Add()([x, a])
    joined = layers.Subtract()([joined, layers.Average()([a, x])])
    largest = layers.Maximum()([joined, x])
    both = layers.Concatenate()([largest, layers.Minimum()([a, x])])
    means = layers.GlobalAveragePooling2D()(both)
    most = layers.GlobalMaxPooling2D()(both)
    return keras.Model(x, layers.Dense(2)(layers.Concatenate()([means, most])))


NETWORKS = {
    f.__name__: f
    for f in (vectors, images, channels_first, signals, volumes, branches)
}


MARKED = [
    pytest.param(name, marks=multi_backend)
    if name in ("branches", "channels_first")
    else name
    for name in NETWORKS
]


@functools.cache
def composition_of(name):
    keras.utils.set_random_seed(0)
    base = NETWORKS[name]()
    for variable in base.weights:
        if "variance" not in variable.name:
            variable.assign(to_numpy(variable) + 0.1)
    return Composition(base, "inf")


def inputs_of(composition, samples=4):
    random = np.random.default_rng(0)
    shape = composition.graph.input_shape[1:]
    return random.uniform(-1, 1, (samples, *shape)).astype("float32")


def values_of(composition, x):
    """What every step answers at a batch of inputs."""

    def transfer(step, inputs):
        return registry.called(step.layer, inputs)

    return composition.graph.walk(transfer, keras.ops.convert_to_tensor(x))


@pytest.mark.parametrize("name", MARKED)
def test_boxes_hold_what_layers_answer(name):
    composition = composition_of(name)
    x = inputs_of(composition)
    boxes = propagate(composition.graph, input_box(x, 0.2, clip=(-0.9, 0.9)))
    random = np.random.default_rng(1)
    for share in (1.0, 0.5, 0.0):
        step = share * 0.2 * random.choice([-1.0, 1.0], x.shape)
        low, high = np.minimum(x, -0.9), np.maximum(x, 0.9)
        moved = np.clip(x + step, low, high).astype("float32")
        for index, value in values_of(composition, moved).items():
            value, slack = to_numpy(value), 1e-5
            assert np.all(value >= to_numpy(boxes[index].lower) - slack)
            assert np.all(value <= to_numpy(boxes[index].upper) + slack)


def boxes_on_the_host(composition, lower, upper, deployed=SINGLE):
    norms = {
        key: row_sum_norm(operator_of(linear_map)).upper
        for key, linear_map in composition.linear_maps.items()
    }
    walk = BoxWalk(EvaluatedNetwork(composition, norms), deployed)
    return composition.graph.walk(
        walk.step,
        walk.start(lower.astype("float64"), upper.astype("float64")),
        skip=composition.head,
    )


@pytest.mark.parametrize("deployed", [None, SINGLE])
@pytest.mark.parametrize("name", MARKED)
def test_boxes_of_the_host_are_those_of_the_device_up_to_rounding(
    name, deployed
):
    composition = composition_of(name)
    x = inputs_of(composition)
    lower, upper = (x - np.float32(0.2)), (x + np.float32(0.2))
    ends = Box(*map(keras.ops.convert_to_tensor, (lower, upper)))
    device = propagate(composition.graph, ends)
    host = boxes_on_the_host(composition, lower, upper, deployed)
    # Keras' own epsilon may be a float32 or not.
    near = 2e-3 if deployed or name == "images" else 1e-5
    for index, box in host.items():
        assert np.all(box.lower <= box.upper)
        for ours, theirs in (
            (box.lower, device[index].lower),
            (box.upper, device[index].upper),
        ):
            np.testing.assert_allclose(ours, to_numpy(theirs), near, near)


@pytest.mark.parametrize("name", MARKED)
def test_boxes_of_the_host_hold_what_float32_answers(name):
    """Without any slack: a box of no size holds no more than rounding."""
    composition = composition_of(name)
    x = inputs_of(composition, samples=32)
    random = np.random.default_rng(1)
    for radius in (0.2, 0.0):
        lower, upper = x - np.float32(radius), x + np.float32(radius)
        host = boxes_on_the_host(composition, lower, upper)
        for moved in (lower, upper, random.uniform(lower, upper)):
            values = values_of(composition, moved.astype("float32"))
            for index, box in host.items():
                value = to_numpy(values[index])
                assert np.all(box.lower <= value)
                assert np.all(value <= box.upper)


@pytest.mark.parametrize("within_the_layer", [True, False])
def test_rounding_ends_where_an_activation_saturates(within_the_layer):
    """Far from its kink nothing is left of what was rounded before."""
    dense = layers.Dense(
        3,
        activation="relu6" if within_the_layer else None,
        kernel_initializer="ones",
    )
    stack = [layers.Rescaling(2.0**20), dense]
    if not within_the_layer:
        stack.append(layers.ReLU(6.0))
    composition = Composition(chain((2,), *stack), "inf")
    x = np.array([[-1.0, -2.0], [1.0, 2.0]], "float32")
    host = boxes_on_the_host(composition, x - 0.5, x + 0.5)
    box = host[composition.last]
    # What underflow could do is left.
    np.testing.assert_allclose(box.lower, [[0.0] * 3, [6.0] * 3], atol=1e-30)
    np.testing.assert_allclose(box.upper, [[0.0] * 3, [6.0] * 3], atol=1e-30)


def test_all_rules_are_tried():
    tried = {
        type(step.layer)
        for name in NETWORKS
        for step in composition_of(name).graph.steps
    }
    missing = set(registry._RULES) - tried - set(INACTIVE)
    ours = {
        layer
        for layer in missing
        if layer.__module__.startswith(("keras.", "keras_lipschitz."))
    }
    assert {layer.__name__ for layer in ours} <= {
        "InputLayer",
        "ScaledGlobalAveragePooling2D",
    }


def slow_linear(kernel, bias, lower, upper):
    """Each output is least where every input is at its lesser end."""
    at_lower, at_upper = lower[:, :, None] * kernel, upper[:, :, None] * kernel
    return (
        np.minimum(at_lower, at_upper).sum(axis=1) + bias,
        np.maximum(at_lower, at_upper).sum(axis=1) + bias,
    )


def slow_distances(points, lower, upper):
    near = np.maximum(lower[:, :, None] - points, points - upper[:, :, None])
    far = np.maximum(points - lower[:, :, None], upper[:, :, None] - points)
    return np.maximum(near.max(axis=1), 0.0), far.max(axis=1)


@pytest.mark.parametrize("kind", ["dense", "distances"])
def test_one_layer_gets_the_smallest_box(kind):
    random = np.random.default_rng(0)
    lower = random.normal(size=(20, 5))
    upper = lower + random.uniform(0, 0.5, (20, 5))
    lower, upper = lower.astype("float32"), upper.astype("float32")
    if kind == "dense":
        layer, slow = layers.Dense(3, bias_initializer=NORMAL), slow_linear
    else:
        layer, slow = kl.layers.LInfDist(3, identity=None), slow_distances
    layer.build((None, 5))
    weights = [to_numpy(w) for w in layer.trainable_weights]
    expected = slow(*weights, lower.astype("float64"), upper.astype("float64"))
    rule = registry.interval_rule_of(layer, "layer")
    box = rule(layer, Box(*map(keras.ops.convert_to_tensor, (lower, upper))))
    np.testing.assert_allclose(to_numpy(box.lower), expected[0], atol=1e-5)
    np.testing.assert_allclose(to_numpy(box.upper), expected[1], atol=1e-5)


@multi_backend
@pytest.mark.parametrize("scale", [1.0, 1e-39, 1e38])
@pytest.mark.parametrize("in_tiles", [False, True])
def test_distances_on_the_host_are_rounded_outwards(
    in_tiles, scale, monkeypatch
):
    monkeypatch.setattr(distances, "_MANY", 0 if in_tiles else math.inf)
    random = np.random.default_rng(0)
    lower = scale * random.normal(size=(150, 5))
    upper = lower + scale * random.uniform(0, 0.5, (150, 5))
    points = (scale * random.normal(size=(7, 5))).astype("float32")
    points = points.astype("float64")
    near, far = distances.distance_bounds(lower, upper, points)
    slow_near, slow_far = slow_distances(points.T, lower, upper)
    assert (near >= 0.0).all() and (near <= slow_near).all()
    assert (far >= slow_far).all()
    # Where they are known they are close.
    tolerance = 1e-6 * max(scale, 1e-30)
    known = np.isfinite(far)
    assert known.mean() > 0.5
    np.testing.assert_allclose(near[known], slow_near[known], atol=tolerance)
    np.testing.assert_allclose(far[known], slow_far[known], atol=tolerance)


class Doubled(layers.Layer):
    def call(self, x):
        return 2.0 * x


@pytest.fixture
def forget(monkeypatch):
    for name in ("_RULES", "_TRAINING_RULES"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))


def test_the_call_that_an_error_shows_works(forget):
    base = keras.Sequential([keras.Input((2,)), Doubled(), layers.Dense(2)])
    kl.register_rule(Doubled, norm="inf")(lambda layer, x: 2.0 * x.constant)
    with pytest.raises(ValueError, match="interval rule.*'doubled") as error:
        kl.GloroModel(base, 0.1, bound=kl.bounds.IntervalBound())
    lines = str(error.value).splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    "))
    code = code.replace("Box(lower, upper)", "Box(2 * x.lower, 2 * x.upper)")
    exec(code, {"keras_lipschitz": kl, "Doubled": Doubled})
    model = kl.GloroModel(base, 0.1, bound=kl.bounds.IntervalBound())
    # Its rounding is not known: on the host it is refused, by name.
    model.certify("estimate")
    x = np.ones((1, 2), "float32")
    assert model.predict_certified(x).radius[0] > 0
    model.certify()
    with pytest.raises(ValueError, match="doubled"):
        model.predict_certified(x)


def test_a_new_rule_serves_training_as_well(monkeypatch):
    for table in ("_RULES", "_TRAINING_RULES"):
        rules = dict(getattr(registry, table))
        monkeypatch.setattr(registry, table, rules)
    assert layers.Dense in registry._TRAINING_RULES
    kl.register_interval_rule(layers.Dense)(registry.increasing)
    for training in (False, True):
        rule = registry.interval_rule_of(layers.Dense(1), "dense", training)
        assert rule is registry.increasing
