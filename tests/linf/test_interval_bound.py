"""Margins by interval arithmetic: training, decisions, radii."""

import itertools

import keras
import numpy as np
import pytest
from slow_linf import shaken
from slow_linf import small_images
from slow_linf import small_net
from slow_linf import to_numpy

import keras_lipschitz as kl
from keras_lipschitz.bounds import IntervalBound
from keras_lipschitz.models import margin_training

multi_backend = pytest.mark.multi_backend
layers = keras.layers


def linear_model(epsilon, clip=None, **kwargs):
    """Three classes, a head alone: its worst margins are known exactly."""
    base = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    random = np.random.default_rng(0)
    base.set_weights([random.normal(size=(4, 3)), random.normal(size=3)])
    return kl.GloroModel(base, epsilon, bound=IntervalBound(clip, **kwargs))


def slow_worst(model, x, label, epsilon, clip):
    """The largest margin of each class at a corner of the box."""
    kernel, bias = (w.astype("float64") for w in model.base.get_weights())
    low, high = x - epsilon, x + epsilon
    if clip is not None:
        low = np.maximum(low, np.minimum(x, clip[0]))
        high = np.minimum(high, np.maximum(x, clip[1]))
    corners = [
        np.where(choice, low, high)
        for choice in itertools.product([False, True], repeat=4)
    ]
    logits = np.array(corners) @ kernel + bias
    return (logits - logits[:, [label]]).max(axis=0)


@multi_backend
@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
def test_head_alone_is_exact(clip):
    model = linear_model(0.25, clip)
    # Inputs outside of the valid range are in their own boxes.
    x = np.random.default_rng(1).uniform(-0.2, 1.2, (60, 4)).astype("float32")
    outputs = model.predict(x, verbose=0).astype("float64")
    labels, radii = model.predict_certified(x)
    for i, point in enumerate(x.astype("float64")):
        anchor = outputs[i, :3].argmax()
        worst = slow_worst(model, point, anchor, 0.25, clip)
        worst[anchor] = -np.inf
        margin = outputs[i, 3] - outputs[i, anchor]
        assert margin == pytest.approx(worst.max(), abs=1e-5)
        assert (labels[i] == anchor) == (worst.max() < 0)
        # No radius is larger than where a corner wins, or much smaller.
        for factor, holds in ((1.0, True), (1.02, False)):
            if 0 < radii[i] < 5:
                worst = slow_worst(
                    model, point, anchor, factor * radii[i], clip
                )
                worst[anchor] = -np.inf
                assert (worst.max() < 1e-12) == holds


def test_how_far_each_logit_moves_is_exact():
    model = linear_model(0.25)
    x = np.random.default_rng(1).normal(size=(9, 4)).astype("float32")
    slack = model.bound.logit_slack(model.base(x), 0.25, inputs=x)
    kernel, _ = model.base.get_weights()
    corners = 0.25 * np.array(list(itertools.product([-1, 1], repeat=4)))
    farthest = np.abs(corners @ kernel).max(axis=0)
    np.testing.assert_allclose(to_numpy(slack), [farthest] * 9, rtol=1e-5)


@multi_backend
def test_a_training_step_walks_once(monkeypatch):
    if keras.backend.backend() == "jax":
        pytest.skip("its compiler merges what is computed twice")
    walks, walk = [], IntervalBound._body_box
    monkeypatch.setattr(
        IntervalBound, "_body_box", lambda *a: walks.append(1) or walk(*a)
    )
    random = np.random.default_rng(0)
    x, y = random.normal(size=(8, 4)).astype("float32"), np.arange(8) % 3
    counts, weights = [], []
    for again in (False, True):
        if again:
            monkeypatch.setattr(margin_training, "carried", lambda _: None)
        model = linear_model(0.25)
        loss = kl.losses.WorstCaseCrossentropy(0.5)
        model.compile("sgd", loss, metrics=["vra"], jit_compile=False)
        for _ in range(2):
            walks.clear()
            model.train_on_batch(x, y)
            counts.append(len(walks))
        weights.append(model.base.get_weights())
    # TensorFlow walks as it traces, in the first step.
    step = 1 if keras.backend.backend() == "torch" else 0
    assert counts[step] == 1 and counts[2 + step] == 2
    for one, two in zip(*weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def nets():
    """A net of distances under both bounds."""
    keras.utils.set_random_seed(0)
    base = shaken(small_net(units=(24, 24)))
    x, _ = small_images(96)
    globally = kl.GloroModel(base, 0.02, norm="inf")
    boxes = kl.GloroModel(base, 0.02, bound=IntervalBound((0.0, 1.0)))
    return x, globally, boxes


@multi_backend
def test_never_worse_than_half_the_margin(nets):
    x, globally, boxes = nets
    one, other = globally.predict_certified(x), boxes.predict_certified(x)
    assert np.all(other.radius >= one.radius)
    assert np.mean(other.radius > 1.1 * one.radius) > 0.05
    np.testing.assert_array_equal(
        other.label >= 0, other.radius > boxes.epsilon
    )
    # On the device too, where the bottom logit is never higher.
    ours = boxes.predict(x, verbose=0)[:, -1]
    assert np.all(ours <= globally.predict(x, verbose=0)[:, -1] + 1e-5)
    without = kl.GloroModel(boxes.base, 0.02, bound=IntervalBound())
    assert np.all(ours <= without.predict(x, verbose=0)[:, -1])


def test_no_box_of_distances_is_wider_than_the_input(nets):
    _, _, boxes = nets
    x = np.random.default_rng(0).random((50, 6, 6, 1)).astype("float32")
    body = boxes.bound._body_box(keras.ops.convert_to_tensor(x), 0.1, False)
    width = to_numpy(body.upper) - to_numpy(body.lower)
    # The net sees the input divided by a standard deviation of 0.5.
    assert width.max() <= 0.4 * (1 + 1e-5)


@pytest.fixture(scope="module")
def in_float64(nets):
    """The net of distances in float64."""
    _, _, boxes = nets
    keras.config.set_dtype_policy("float64")
    base = small_net(units=(24, 24))
    keras.config.set_dtype_policy("float32")
    base.set_weights(boxes.base.get_weights())
    return base


@pytest.mark.parametrize("level", ["R", "F64", "F32"])
def test_no_valid_step_breaks_a_certified_point(level, nets, in_float64):
    x, _, boxes = nets
    boxes.certify(level)
    _, radii = boxes.predict_certified(x)
    # Each level speaks of its own arithmetic; R, of none, of the finest.
    base = boxes.base if level == "F32" else in_float64
    x = x.astype(base.compute_dtype)
    logits = to_numpy(base(x))
    random = np.random.default_rng(1)
    for _ in range(25):
        step = random.choice([-1.0, 1.0], x.shape)
        moved = x + 0.999 * radii[:, None, None, None] * step
        moved = np.clip(moved, np.minimum(x, 0), np.maximum(x, 1))
        changed = to_numpy(base(moved.astype(x.dtype)))
        assert np.all(changed.argmax(axis=1) == logits.argmax(axis=1))


@pytest.mark.parametrize("level", ["F64", "F32"])
def test_what_a_machine_certifies_holds_of_real_numbers(level, nets):
    x, _, boxes = nets
    boxes.certify(level)
    labels, radii = boxes.predict_certified(x)
    labels = np.where(labels >= 0, labels, to_numpy(boxes.base(x)).argmax(1))
    boxes.certify("R")
    decide = boxes.bound.decider(boxes.certificate, boxes.epsilon)
    # Two searches try different radii: each is asked for by itself.
    x = x.astype("float64")
    held = decide.proves(x, labels, radii) | (decide.globally(x)[1] >= radii)
    assert np.all(held)
    assert np.mean(radii > 0) > 0.5


def test_what_saturates_is_certified_in_float32_unless_it_overflows():
    """Lipschitz constants say nothing here, boxes everything."""
    base = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(4, kernel_initializer="ones"),
            layers.ReLU(6.0),
            layers.Dense(2, bias_initializer="ones"),
        ]
    )
    head = np.array([[1.0, -1.0]] * 4)
    model = kl.GloroModel(base, 0.1, bound=IntervalBound())
    x = np.array([[1.0, 0.5]], "float32")
    for scale, certified in ((1e30, True), (3e38, False)):
        kernel = np.full((2, 4), scale)
        base.set_weights([kernel, np.zeros(4), head, np.zeros(2)])
        model.certify("R")
        assert model.predict_certified(x).radius[0] > 0.1
        model.certify("F32")
        assert (model.predict_certified(x).radius[0] > 0.1) == certified


def test_radii_on_the_device_are_close_to_those_proved(nets):
    x, _, boxes = nets
    boxes.certify("estimate")
    estimated = boxes.certified_radius(x)
    boxes.certify("R")
    proved = boxes.certified_radius(x)
    large = proved > 1e-3
    ratio = estimated[large] / proved[large]
    assert np.all((ratio > 0.99) & (ratio < 1.01))


def test_few_steps_decide_at_epsilon_alone(nets):
    x, globally, boxes = nets
    quick = kl.GloroModel(
        boxes.base, 0.02, bound=IntervalBound((0.0, 1.0), radius_steps=0)
    )
    found, best = quick.predict_certified(x), boxes.predict_certified(x)
    np.testing.assert_array_equal(found.label, best.label)
    assert np.all(found.radius <= best.radius * (1 + 1e-9))


@multi_backend
def test_nothing_is_certified_of_ties_and_of_what_is_no_number():
    model = linear_model(0.0)
    kernel, bias = model.base.get_weights()
    model.base.set_weights([kernel * [1, 1, 0], bias * 0])
    kernel[:, 1] = kernel[:, 0]
    model.base.set_weights([kernel, bias * 0 + [1, 1, -9]])
    x = np.array([[0.1] * 4, [np.nan] * 4, [np.inf] * 4], "float32")
    labels, radii = model.predict_certified(x)
    assert np.all(labels == -1) and np.all(radii == 0)


def plain_network():
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Rescaling(2.0, offset=-0.5),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(3),
        ]
    )


@pytest.fixture(scope="module")
def trained():
    """A plain network, trained by interval bound propagation."""
    keras.utils.set_random_seed(0)
    model = kl.GloroModel(
        plain_network(), 0.1, bound=IntervalBound((0.0, 1.0), radius_steps=8)
    )
    loss = kl.losses.WorstCaseCrossentropy(kappa=1.0)
    model.compile(
        keras.optimizers.Adam(1e-2), loss, metrics=["vra", "certified_radius"]
    )
    x, y = small_images()
    model.fit(
        x,
        y,
        32,
        epochs=8,
        verbose=0,
        callbacks=[
            kl.callbacks.EpsilonSchedule(0.0, 0.12),
            kl.callbacks.LossSchedule("kappa", 1.0, 0.5),
        ],
    )
    return model


@multi_backend
def test_plain_networks_learn_to_certify(trained):
    x, y = small_images(seed=1)
    labels, radii = trained.predict_certified(x)
    assert np.mean(labels == y) > 0.95
    results = trained.evaluate(x, y, verbose=0, return_dict=True)
    assert results["vra"] == pytest.approx(np.mean(labels == y), abs=0.02)
    right = radii * (to_numpy(trained.base(x)).argmax(axis=1) == y)
    assert results["certified_radius"] == pytest.approx(right.mean(), rel=0.2)
    # By row sums alone next to nothing of it could be proved.
    globally = kl.GloroModel(trained.base, 0.1, norm="inf")
    assert np.median(radii) > 5 * np.median(globally.certified_radius(x))


@multi_backend
@pytest.mark.parametrize(
    "bound, radius, share",
    [
        ("interval", 0.05, 0.0),
        ("global", 0.05, 0.0),
        # Then there is no worse case.
        ("interval", 0.0, 1.0),
    ],
)
def test_worst_case_alone_teaches_what_a_share_of_zero_does(
    bound, radius, share
):
    x, y = small_images()
    taught = []
    for kappa in (share, None):
        keras.utils.set_random_seed(0)
        model = kl.GloroModel(
            plain_network(),
            0.05,
            bound=IntervalBound() if bound == "interval" else None,
            training_epsilon=radius,
            norm="inf",
        )
        before = model.base.get_weights()
        model.compile(
            keras.optimizers.SGD(0.01),
            kl.losses.WorstCaseCrossentropy(kappa),
            # JAX would compile every operation by itself.
            jit_compile=keras.backend.backend() == "jax",
        )
        loss = model.train_on_batch(x[:32], y[:32])
        steps = [
            new - old
            for new, old in zip(model.base.get_weights(), before, strict=True)
        ]
        assert all(np.abs(step).max() > 0 for step in steps)
        taught.append([np.asarray(loss), *steps])
    for one, other in zip(*taught, strict=True):
        scale = np.abs(one).max()
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5 * scale)


def pooled_network():
    """ReLUs before all that a training step treats on its own."""
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(5, 2, activation="relu", use_bias=False),
            layers.Conv2D(6, 2, activation="relu"),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(6, activation="tanh"),
            layers.Dense(3),
        ]
    )


@multi_backend
@pytest.mark.parametrize(
    "precision, tolerance", [("float32", 0.02), ("mixed_bfloat16", 0.1)]
)
def test_a_training_step_goes_down_the_worst_case(precision, tolerance):
    x, y = small_images()
    keras.utils.set_random_seed(0)
    judged = kl.GloroModel(pooled_network(), 0.05, bound=IntervalBound())
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = kl.GloroModel(pooled_network(), 0.05, bound=IntervalBound())
    finally:
        keras.config.set_dtype_policy(policy)
    before = judged.base.get_weights()
    model.base.set_weights(before)
    loss = kl.losses.WorstCaseCrossentropy(None)
    judged.compile(loss=loss)
    model.compile(
        keras.optimizers.SGD(1.0),
        loss,
        jit_compile=keras.backend.backend() == "jax",
    )
    first = float(np.squeeze(model.train_on_batch(x[:32], y[:32])))
    slope = [
        old - new
        for old, new in zip(before, model.base.get_weights(), strict=True)
    ]

    def loss_at(step):
        judged.base.set_weights(
            [w - step * g for w, g in zip(before, slope, strict=True)]
        )
        return judged.evaluate(x[:32], y[:32], 32, verbose=0)

    assert first == pytest.approx(loss_at(0.0), rel=tolerance / 4)
    square = sum(np.sum(g**2) for g in slope)
    step = 0.01 / square
    fall = (loss_at(-step) - loss_at(step)) / (2 * step)
    assert fall == pytest.approx(square, rel=tolerance)


@pytest.mark.parametrize("kappa, walks", [(0.0, 3), (None, 2)])
def test_worst_case_alone_leaves_the_gradient_of_logits_out(kappa, walks):
    import tensorflow as tf

    # The middle and the radius of each box, and the image.
    x, y = small_images()
    model = kl.GloroModel(plain_network(), 0.05, bound=IntervalBound())
    loss = kl.losses.WorstCaseCrossentropy(kappa)
    model.compile("sgd", loss, jit_compile=False)

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            y_pred = model(x, training=True)
            loss = model.compute_loss(x, y, y_pred, training=True)
        return tape.gradient(loss, model.trainable_weights)

    graph = gradient.get_concrete_function().graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("Conv2DBackpropFilter") == walks


@multi_backend
def test_radii_that_are_compared_take_one_pass_each(trained, monkeypatch):
    passes, walk = [], IntervalBound._body_box

    def counted(self, *arguments):
        passes.append(1)
        return walk(self, *arguments)

    radii = [0.0, 0.05, 0.1, 0.2]
    bound = IntervalBound((0.0, 1.0))
    model = kl.GloroModel(trained.base, 0.1, bound=bound)
    vra = kl.metrics.VerifiedRobustAccuracy(radii)
    model.compile(
        loss="worst_case_crossentropy", metrics=[vra], jit_compile=False
    )
    x, y = small_images(seed=1)
    monkeypatch.setattr(IntervalBound, "_body_box", counted)
    results = model.evaluate(
        x, y, batch_size=len(x), verbose=0, return_dict=True
    )
    # Two more for bottom logit and loss; some backends trace all twice.
    assert passes and len(passes) % (2 + len(radii)) == 0
    label = to_numpy(model.base(x)).argmax(axis=1)
    found = model.certified_radius(x)
    expected = [np.mean((label == y) & (found > r)) for r in radii]
    measured = [results[f"vra_{radius:g}"] for radius in radii]
    assert measured == pytest.approx(expected, abs=0.02)
    assert expected[0] > expected[-1]


@multi_backend
def test_saved_and_loaded(trained, tmp_path):
    x, _ = small_images(32)
    trained.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.bound.get_config() == trained.bound.get_config()
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), trained.predict(x, verbose=0)
    )
    # A certificate of another bound is not taken for this one's.
    other = kl.GloroModel(loaded.base, 0.1, norm="inf")
    assert not other.bound.holds(loaded.certificate)


@multi_backend
def test_the_bound_leaves_the_moving_means_to_training():
    base = small_net(units=(8,), mlp_units=4)
    model = kl.GloroModel(base, 0.05, bound=IntervalBound())
    x = keras.ops.convert_to_tensor(small_images(8)[0])
    logits, anchor = base(x), keras.ops.zeros(8, "int32")
    arguments = (logits, anchor, 0.05)
    model.bound.slack(*arguments, training=True, inputs=x)
    assert not np.any(to_numpy(base.layers[3].moving_mean))


@multi_backend
def test_at_a_finite_p_distances_count_as_1_lipschitz():
    model = kl.GloroModel(
        small_net(p=8.0), 0.05, bound=IntervalBound(), training_epsilon=0.1
    )
    x, _ = small_images(8)
    outputs = to_numpy(model(x, training=True))
    first, second = np.sort(outputs[:, :3], axis=1)[:, :-3:-1].T
    np.testing.assert_allclose(outputs[:, 3], second + 4 * 0.1, rtol=1e-4)
    assert np.all(first >= second)


@pytest.mark.parametrize(
    "arguments",
    [
        {"clip": (1.0, 0.0)},
        {"clip": (0.0, 1.0, 2.0)},
        {"clip": (float("nan"), 1.0)},
        {"radius_steps": -1},
        {"radius_steps": 1.5},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="Received"):
        IntervalBound(**arguments)
