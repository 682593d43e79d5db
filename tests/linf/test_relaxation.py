"""Proofs that take the box apart, against integer programs and searches."""

import keras
import numpy as np
import pytest
from slow_relu import decider
from slow_relu import largest_margin

import keras_lipschitz as kl
from keras_lipschitz.bounds import IntervalBound
from keras_lipschitz.certification.decisions import box_decider
from keras_lipschitz.certification.evaluations.network import EvaluatedNetwork
from keras_lipschitz.certification.relaxation.parts import Parts
from keras_lipschitz.certification.relaxation.relaxation import Relaxation

layers = keras.layers
# What integer programming decides within a second, and what searches do.
SMALL, IMAGE = (3, 3, 1), (6, 6, 1)


def biased(kind, *args, **kwargs):
    return kind(
        *args,
        bias_initializer=keras.initializers.RandomNormal(stddev=0.3),
        **kwargs,
    )


def dense_net():
    return keras.Sequential(
        [
            keras.Input((4,)),
            biased(layers.Dense, 8, activation="relu"),
            biased(layers.Dense, 6),
            layers.ReLU(),
            biased(layers.Dense, 3),
        ]
    )


def conv_net(*first, shape=SMALL):
    return keras.Sequential(
        [
            keras.Input(shape),
            *first,
            biased(layers.Conv2D, 2, 3, 2, "same", activation="relu"),
            biased(layers.Conv2D, 3, 2, activation="relu"),
            layers.Flatten(),
            biased(layers.Dense, 3),
        ]
    )


def thresholds(shape):
    """Two comparisons of each pixel."""
    comparisons = layers.Conv2D(2, 1)
    comparisons.build((None, *shape))
    comparisons.set_weights(
        [np.full((1, 1, 1, 2), 8.0), 0.5 - 8.0 * np.array([0.35, 0.65])]
    )
    return [comparisons, layers.ReLU(1.0)]


def threshold_net(shape=SMALL):
    return conv_net(*thresholds(shape), shape=shape)


def moved_net():
    """The same after moving the image by a pixel."""
    return conv_net(
        layers.ZeroPadding2D(((1, 0), (0, 1))),
        layers.Cropping2D(((0, 1), (1, 0))),
        *thresholds(SMALL),
    )


def normalized_net():
    network = conv_net(layers.Rescaling(2.0, -1.0), layers.BatchNormalization())
    values = network.layers[1].get_weights()
    random = np.random.default_rng(0)
    network.layers[1].set_weights(
        [random.uniform(0.5, 1.5, value.shape) for value in values]
    )
    return network


EXACT = [dense_net, conv_net, threshold_net, moved_net, normalized_net]


def by_parts(decide, x, label, epsilon):
    decide.epsilon = epsilon
    return decide.proves_by_parts(x, label)


def by_box(decide, x, label, epsilon):
    return bool(decide.proves(x, np.array([label]), np.array([epsilon]))[0])


@pytest.mark.parametrize("build", EXACT)
def test_decides_as_integer_programming_does(build):
    base = build()
    random = np.random.default_rng(1)
    decide = decider(base, 0.1, (0.0, 1.0))
    proved, boxes, total = 0, 0, 0
    for _ in range(3):
        x = random.uniform(size=(1, *base.input_shape[1:]))
        x = x.astype("float32").astype("float64")
        label = int(keras.ops.argmax(base(x), axis=1)[0])
        for epsilon in (0.03, 0.1, 0.3, 0.5):
            worst = max(
                largest_margin(base, x[0], label, i, epsilon, (0.0, 1.0))
                for i in range(3)
                if i != label
            )
            if abs(worst) < 1e-4:
                continue
            answer = by_parts(decide, x, label, epsilon)
            assert answer == (worst < 0.0), (epsilon, worst)
            total += 1
            proved += answer
            boxes += by_box(decide, x, label, epsilon)
    # Both answers occur, and boxes do not find all that holds.
    assert 0 < boxes < proved < total


def branched_net():
    """Branches that join, a layer used twice, and what is not affine."""
    x = keras.Input(IMAGE)
    shared = layers.Conv2D(2, 3, padding="same", activation="relu")
    seen = shared(x)
    moved = shared(kl.layers.Flip()(x))
    joined = layers.Concatenate()([seen, moved])
    a = layers.Conv2D(3, 2, 2, activation="relu")(joined)
    b = layers.Conv2D(3, 2, 2, activation="tanh")(joined)
    c = layers.MaxPooling2D(2)(layers.Conv2D(3, 1)(joined))
    little = layers.Rescaling(0.1)(layers.Subtract()([b, c]))
    y = layers.Average()([layers.Add()([a, little]), a])
    y = layers.Flatten()(layers.ReLU()(y))
    return keras.Model(x, biased(layers.Dense, 3)(y))


def viewed_net():
    """The mean of two networks that read the image and its mirror image."""
    members = [threshold_net(IMAGE), threshold_net(IMAGE)]
    return kl.models.ensemble(members, views=[kl.layers.Flip()])


def grouped_net():
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"),
            layers.Conv2D(4, 2, groups=2, dilation_rate=2, activation="relu"),
            layers.Dense(3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def headless_net():
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(9, activation="relu"),
            layers.Dense(3),
            layers.Rescaling(2.0),
        ]
    )


def distance_net():
    return keras.Sequential(
        [keras.Input((4,)), kl.layers.LInfDist(8), kl.layers.LInfDist(3)]
    )


def corners_and_more(x, epsilon, count, random):
    """Points of the box around one input, most of them at its corners."""
    inside = random.uniform(-1.0, 1.0, (count, *x.shape[1:]))
    moves = np.where(
        np.arange(count)[:, None] % 4,
        np.sign(inside.reshape(count, -1)),
        inside.reshape(count, -1),
    )
    return np.clip(x + epsilon * moves.reshape(inside.shape), 0.0, 1.0)


SEARCHED = [branched_net, viewed_net, grouped_net, headless_net, distance_net]


@pytest.mark.parametrize("build", SEARCHED)
def test_nothing_is_found_where_it_is_proved(build):
    base = build()
    random = np.random.default_rng(2)
    decide = decider(base, 0.1, (0.0, 1.0), branches=100)
    proved, boxes = 0, 0
    for epsilon in (0.01, 0.03, 0.1, 0.2, 0.4):
        for _ in range(4):
            x = random.uniform(size=(1, *base.input_shape[1:]))
            x = x.astype("float32").astype("float64")
            label = int(keras.ops.argmax(base(x), axis=1)[0])
            boxes += by_box(decide, x, label, epsilon)
            if not by_parts(decide, x, label, epsilon):
                assert not by_box(decide, x, label, epsilon)
                continue
            proved += 1
            near = corners_and_more(x, epsilon, 1000, random)
            logits = keras.ops.convert_to_numpy(base(near.astype("float32")))
            assert (logits.argmax(axis=1) == label).all()
    assert 0 < boxes <= proved
    # Distances are no lines: there a box is all there is.
    assert (boxes < proved) == (build is not distance_net)


def reduced(monkeypatch, base, x, label, epsilon):
    """The `ReducedNetwork` of one input, of all margins but its own."""
    found = []

    def keep(network, branches):
        found.append(network)
        return False

    monkeypatch.setattr(box_decider, "margins_are_negative", keep)
    decider(base, epsilon).proves_by_parts(x, label)
    (network,) = found
    assert len(network.margins.constant) == 2
    return network


def test_any_lines_and_multipliers_give_a_bound(monkeypatch):
    base = dense_net()
    random = np.random.default_rng(3)
    x = random.uniform(size=(1, 4)).astype("float32").astype("float64")
    epsilon, label = 0.4, 0
    network = reduced(monkeypatch, base, x, label, epsilon)
    relaxation = Relaxation(network)
    near = x + epsilon * random.uniform(-1.0, 1.0, (4000, 4))
    logits = base.predict(near, batch_size=4000, verbose=0).astype("float64")
    z = network.preactivations
    first = near @ z.features.T.toarray() + z.constant
    for layer in network.layers:
        units = z.units.toarray()[:, layer]
        first += np.maximum(first[:, layer], 0.0) @ units.T
    seen = set()
    for _ in range(60):
        parts = relaxation.start()
        side = random.integers(-1, 2, parts.side.shape).astype("float64")
        side *= random.random(side.shape) < 0.3
        parts = Parts(
            parts.margin,
            np.where(side > 0, 0.0, parts.lower),
            np.where(side < 0, 0.0, parts.upper),
            side,
            random.random(side.shape),
            random.exponential(size=side.shape),
        )
        value = relaxation.bound(parts).value
        for row, bound in enumerate(value):
            inside = (first * side[row] >= 0.0).all(axis=1)
            margins = logits[inside, 1 + row] - logits[inside, label]
            seen.add(bool(inside.any()))
            assert (margins <= bound + 1e-6).all()
    assert True in seen


def test_margin_of_zero_is_not_proved():
    base = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(2, activation="relu"),
            layers.Dense(2, use_bias=False),
        ]
    )
    # At x = 1/2 the margin is zero, below it the first class wins.
    weights = [[[1.0, -1.0]], [0.0, 1.0], [[0.0, 1.0], [1.0, 0.0]]]
    base.set_weights([np.array(w, "float32") for w in weights])
    x = np.array([[0.25]])
    assert not decider(base, 0.25).proves_by_parts(x, 0)
    assert decider(base, 0.2499).proves_by_parts(x, 0)


def difference_net(offset):
    """Two units that rise together: their difference is 1/2 in exact
    arithmetic, and whatever rounding makes of it at a large offset."""
    base = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(2, activation="relu"),
            layers.Dense(2, use_bias=False),
        ]
    )
    base.set_weights(
        [
            np.ones((1, 2), "float32"),
            np.array([offset, offset + 0.5], "float32"),
            np.eye(2, dtype="float32"),
        ]
    )
    return base


def test_rounding_of_the_level_is_counted():
    x = np.array([[0.0]])
    small, large = difference_net(4.0), difference_net(2.0**21)
    for level in ("R", "F64", "F32"):
        assert decider(small, 1.0, level=level).proves_by_parts(x, 1)
    # Float32 has steps of a quarter there.
    assert decider(large, 1.0, level="R").proves_by_parts(x, 1)
    assert decider(large, 1.0, level="F64").proves_by_parts(x, 1)
    assert not decider(large, 1.0, level="F32").proves_by_parts(x, 1)


def test_thresholds_round_as_well():
    """Steep comparisons at a level of deployed arithmetic."""
    base = keras.Sequential(
        [
            keras.Input((1, 1, 1)),
            layers.Conv2D(2, 1),
            layers.ReLU(2.0**30),
            layers.Flatten(),
            layers.Dense(2, use_bias=False),
        ]
    )
    # Both comparisons are the same up to 1/2: so is their difference.
    base.set_weights(
        [
            np.full((1, 1, 1, 2), 2.0**21, "float32"),
            np.array([0.0, 0.5], "float32"),
            np.eye(2, dtype="float32"),
        ]
    )
    x = np.full((1, 1, 1, 1), 1.0)
    for level, holds in (("R", True), ("F64", True), ("F32", False)):
        decide = decider(base, 0.25, level=level)
        assert decide.proves_by_parts(x, 1) == holds


@pytest.mark.parametrize(
    "layer, shape",
    [
        (layers.Dense(3), (5, 4)),
        (layers.Conv2D(4, 3, 2, "same", groups=2), (5, 6, 2)),
        (layers.Conv2D(4, (2, 3), dilation_rate=2), (6, 7, 2)),
        (layers.Conv1D(4, 3, padding="causal"), (6, 2)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (5, 5, 3)),
        (layers.BatchNormalization(), (4, 3)),
        (layers.Rescaling(3.0, 0.5), (4, 3)),
        (layers.Permute((2, 1)), (4, 3)),
        (layers.ZeroPadding2D(1), (3, 3, 2)),
        (layers.UpSampling1D(2), (4, 3)),
        (layers.RepeatVector(3), (5,)),
        (kl.layers.Flip(), (3, 4, 2)),
    ],
)
def test_layers_as_matrices(layer, shape):
    x = keras.Input(shape)
    head = layers.Dense(2, name="head")
    base = keras.Model(x, head(layers.Flatten()(layer(x))))
    random = np.random.default_rng(0)
    layer.set_weights(
        [random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()]
    )
    bound = kl.bounds.GlobalLipschitz(norm="inf")
    bound.attach(base)
    norms = dict.fromkeys(bound.composition.linear_maps, 1.0)
    network = EvaluatedNetwork(bound.composition, norms)
    (step, *_) = bound.composition.graph.steps
    affine = network.evaluations[step].affine
    inputs = random.normal(size=(3, *shape)).astype("float32")
    expected = keras.ops.convert_to_numpy(layer(inputs))
    (matrix,) = affine.matrices(step)
    flat = inputs.reshape(3, -1) @ matrix.T
    constant = np.broadcast_to(affine.constant, (1, *expected.shape[1:]))
    np.testing.assert_allclose(
        flat + constant.reshape(1, -1),
        expected.reshape(3, -1),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.multi_backend
def test_model_certifies_more_with_branches():
    base = threshold_net(IMAGE)
    random = np.random.default_rng(4)
    for layer in base.layers[2:]:
        shapes = [weight.shape for weight in layer.get_weights()]
        layer.set_weights([random.normal(0.0, 0.4, shape) for shape in shapes])
    x = random.uniform(size=(60, *IMAGE)).astype("float32")
    answers = []
    for branches in (0, 300):
        bound = IntervalBound((0.0, 1.0), branches=branches)
        model = kl.GloroModel(base, 0.05, bound=bound)
        answers.append(model.predict_certified(x))
    (few, small), (many, large) = answers
    assert set(np.flatnonzero(few >= 0)) < set(np.flatnonzero(many >= 0))
    assert (large >= small).all()
    new = (many >= 0) & (few < 0)
    assert (large[new] > 0.05).all() and (small[new] <= 0.05).all()


def test_inputs_that_are_not_finite_are_not_certified():
    bound = IntervalBound((0.0, 1.0), branches=10)
    model = kl.GloroModel(conv_net(shape=IMAGE), 0.01, bound=bound)
    x = np.full((2, *IMAGE), np.nan, "float32")
    assert (model.predict_certified(x).label == -1).all()


def test_branches_are_saved(tmp_path):
    bound = IntervalBound(branches=7)
    model = kl.GloroModel(dense_net(), 0.1, bound=bound)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.bound.branches == 7


@pytest.mark.parametrize("branches", [-1, 1.5, "many"])
def test_bad_branches(branches):
    with pytest.raises(ValueError, match="`branches` should be a whole number"):
        IntervalBound(branches=branches)
