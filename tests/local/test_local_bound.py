"""LocalLipschitz as a bound of a GloroModel."""

import keras
import numpy as np
import pytest
from keras import ops
from local_networks import SHAPE
from local_networks import bound_of
from local_networks import data
from local_networks import inputs
from local_networks import network

import keras_lipschitz as kl
from keras_lipschitz.bounds.local.options import WORST_CASES

multi_backend = pytest.mark.multi_backend
JIT = keras.backend.backend() != "torch"


def test_never_larger_than_the_global_bound():
    """At 10,000 points, whatever the state of the power method."""
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(12, bias_initializer="normal"),
            kl.layers.ReLUTheta(),
            keras.layers.Dense(12, activation="relu"),
            keras.layers.Dense(4),
        ]
    )
    x = np.random.default_rng(0).normal(size=(10_000, 8)).astype("float32")
    label = np.arange(10_000) % 4
    for worst_case in WORST_CASES:
        local = kl.bounds.LocalLipschitz(worst_case=worst_case)
        local.attach(base)
        whole = kl.bounds.GlobalLipschitz()
        whole.attach(base)
        whole.set_vectors(
            dict(zip(whole.vectors(), local.vectors().values(), strict=True))
        )
        for epsilon in (0.0, 0.01, 1.0):
            arguments = (None, label, epsilon)
            ours = local.slack(*arguments, training=True, inputs=x)
            theirs = whole.slack(*arguments, training=True)
            difference = ops.convert_to_numpy(ours - theirs)
            assert difference.max() <= 1e-6 * epsilon
    assert (difference[np.arange(4), (label[:4] + 1) % 4] < 0).any()


@multi_backend
@pytest.mark.parametrize(
    "activate, arguments, loss, jit",
    [
        (kl.layers.ReLUTheta, {}, "gloro_crossentropy", True),
        (
            kl.layers.ClippedMinMax,
            {"worst_case": "ball_and_box", "box_gradient": True, "steps": 2},
            "emma",
            "auto",
        ),
    ],
)
def test_training(activate, arguments, loss, jit, tmp_path):
    """A compiled fit with validation by the estimate, a file, a proof."""
    x, y = data()
    base = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(4, 3, strides=2),
            activate(),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    bound = kl.bounds.LocalLipschitz(**arguments)
    model = kl.GloroModel(base, 0.1, bound=bound)
    before = np.array(ops.convert_to_numpy(base.layers[0].kernel))
    model.compile(
        keras.optimizers.Adam(1e-2),
        loss,
        metrics=["vra"],
        jit_compile=JIT and jit,
    )
    history = model.fit(
        x, y, 24, epochs=5, validation_data=(x, y), verbose=0
    ).history
    assert history["loss"][-1] < history["loss"][0]
    after = ops.convert_to_numpy(base.layers[0].kernel)
    assert np.abs(after - before).max() > 0
    assert model.certificate is None
    measured = model.evaluate(x, y, verbose=0)[1]
    proven = np.mean(model.predict_certified(x).label == y)
    assert measured <= proven + 1e-6
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.bound.get_config() == bound.get_config()
    assert twin.certificate.to_json() == model.certificate.to_json()
    np.testing.assert_array_equal(
        twin.predict_certified(x).radius, model.predict_certified(x).radius
    )


def test_steps_without_xla_and_through_branches():
    x, y = data()
    bound = kl.bounds.LocalLipschitz(intervals=False, steps=3)
    model = kl.GloroModel(network("residual"), 0.1, bound=bound)
    model.compile(keras.optimizers.Adam(1e-2), "gloro_trades")
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_validation_sees_local_norms_and_inference_does_not():
    x = inputs(12)
    base = network("relu")
    model = kl.GloroModel(base, 0.2, bound=kl.bounds.LocalLipschitz())
    whole = kl.GloroModel(base, 0.2)
    model.certify(level="estimate")
    whole.certify(level="estimate")
    local, global_ = (ops.convert_to_numpy(m(x))[:, -1] for m in (model, whole))
    assert (local < global_ - 1e-3).any()
    model.certify()
    whole.certify()
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(x)),
        ops.convert_to_numpy(whole(x)),
        rtol=1e-5,
    )
    model.bound.void()
    label = np.zeros(12, "int32")
    slack = model.bound.slack(base(x), label, 0.2, inputs=x)
    assert np.isinf(ops.convert_to_numpy(slack)[:, 1:]).all()


def test_gradients_by_the_bilinear_form():
    """The gradient of a local norm is `u v^T` on the part that counts."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("by a tape")
    import tensorflow as tf

    base = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(7),
            keras.layers.ReLU(),
            keras.layers.Dense(3),
        ]
    )
    bound = bound_of(base)
    x = np.random.default_rng(0).normal(size=(1, 5)).astype("float32")
    kernel = base.layers[0].kernel
    with tf.GradientTape() as tape:
        norms = bound.estimated_norms()
        norms, regions = bound.local.norms(x, 0.01, norms, steps=100)
        (norm,) = norms.values()
        value = norm[0]
    rows = ops.convert_to_numpy(regions[2].varying)[0] > 0
    matrix = ops.convert_to_numpy(kernel) * rows
    u, s, v = np.linalg.svd(matrix)
    assert float(value) == pytest.approx(s[0], rel=1e-3)
    gradient = tape.gradient(value, kernel.value).numpy()
    np.testing.assert_allclose(gradient, np.outer(u[:, 0], v[0]), atol=2e-2)


def test_thresholds_stay_at_zero_or_more():
    """However far a step would take them."""
    x, y = data()
    pulled = kl.layers.ReLUTheta(regularizer=keras.regularizers.L1(100.0))
    base = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(4, 3),
            pulled,
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    model = kl.GloroModel(base, 0.1, bound=kl.bounds.LocalLipschitz())
    model.compile(keras.optimizers.SGD(1.0), "gloro_crossentropy")
    model.train_on_batch(x, y)
    theta = ops.convert_to_numpy(pulled.theta)
    np.testing.assert_array_equal(theta, np.zeros((1, 1, 4)))


@pytest.mark.parametrize("name", ["relu", "relu_theta", "clipped_minmax"])
def test_the_loss_for_units_that_vary(name):
    """What a training call adds, against the definition."""
    base, x = network(name), inputs(4)
    bound = kl.bounds.LocalLipschitz(box_gradient=True, sparsity=0.5)
    model = kl.GloroModel(base, 0.1, bound=bound)
    model(x, training=True)
    (added,) = model.losses
    # State of the power method has advanced before.
    regions, _ = bound.local.walk(x, 0.1, bound.estimated_norms())
    expected = 0.0
    for step in bound.composition.body:
        region, layer = regions[step.inputs[0]], step.layer
        lower, upper = map(ops.convert_to_numpy, (region.lower, region.upper))
        if isinstance(layer, keras.layers.ReLU):
            expected += np.maximum(upper, 0).mean()
        if isinstance(layer, kl.layers.ReLUTheta):
            theta = ops.convert_to_numpy(layer.theta)
            expected += np.maximum(upper, 0).mean()
            expected += 0.1 * np.maximum(theta - lower, 0).mean()
        if isinstance(layer, kl.layers.ClippedMinMax):
            low, high = map(ops.convert_to_numpy, (layer.low, layer.high))
            half = upper.shape[-1] // 2
            smaller = np.minimum(upper[..., :half], upper[..., half:])
            larger = np.maximum(lower[..., :half], lower[..., half:])
            expected += np.maximum(smaller - low, 0).mean()
            expected += np.maximum(high - larger, 0).mean()
    assert expected > 0.1
    assert float(added) == pytest.approx(0.5 * expected, rel=1e-5)


def test_only_the_layers_that_are_named():
    base, x = network("relu"), inputs(4)
    names = [layer.name for layer in base.layers]
    whole = bound_of(base)
    part = bound_of(base, layers=[names[2]])
    for key, norm in part.estimated_local_norms(x, 0.1).items():
        per_sample = part.composition.names[key] == names[2]
        assert (len(ops.shape(norm)) == 1) == per_sample
    assert all(
        len(ops.shape(norm)) == 1
        for norm in whole.estimated_local_norms(x, 0.1).values()
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"steps": 0}, "`steps` should be a whole number"),
        ({"evaluation_steps": 1.5}, "`evaluation_steps` should be"),
        ({"rounds": -1}, "`rounds` should be"),
        ({"worst_case": "box"}, "`worst_case` should be one of"),
        ({"sparsity": 0.1}, "`sparsity` should be"),
        ({"valid_range": (1.0, 0.0)}, "`valid_range` should be a pair"),
        ({"valid_range": 1.0}, "`valid_range` should be a pair"),
        ({"norm": "inf"}, "about the l2 norm"),
        (
            {"pairwise": False, "worst_case": "ball_and_box"},
            "about pairs of classes",
        ),
    ],
)
def test_bad_arguments_of_the_bound(arguments, message):
    with pytest.raises(ValueError, match=message + "[^$]*Received"):
        kl.bounds.LocalLipschitz(**arguments)


def test_layers_that_are_not_there_or_have_no_rule():
    bound = kl.bounds.LocalLipschitz(layers=["nowhere"])
    with pytest.raises(ValueError, match="`layers` should name.*nowhere"):
        bound.attach(network("relu"))

    class Mystery(keras.layers.Layer):
        def call(self, x):
            return x

    base = keras.Sequential(
        [keras.Input((4,)), Mystery(name="odd"), keras.layers.Dense(3)]
    )
    with pytest.raises(ValueError, match="odd"):
        kl.GloroModel(base, 0.1, bound=kl.bounds.LocalLipschitz())


@multi_backend
def test_a_box_needs_a_rule_and_the_ball_does_not():
    """`SLLDense` has a constant, but no rule for boxes."""
    base = keras.Sequential(
        [
            keras.Input((4,)),
            kl.layers.SLLDense(5, name="wide"),
            keras.layers.Dense(6, activation="relu"),
            keras.layers.Dense(3),
        ]
    )
    with pytest.raises(
        ValueError,
        match="'wide' of type SLLDense[^$]*register_interval_rule[^$]*"
        "intervals=False",
    ):
        kl.GloroModel(base, 0.1, bound=kl.bounds.LocalLipschitz())
    bound = bound_of(base, intervals=False)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    regions, _ = bound.local.walk(x, 0.1, bound.estimated_norms())
    width = ops.convert_to_numpy(regions[1].upper - regions[1].lower)
    np.testing.assert_allclose(width, 0.2, rtol=1e-5)


def test_exported_graph_has_the_global_bound_and_says_so(tmp_path, capsys):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports through TensorFlow")
    import tensorflow as tf

    onnxruntime = pytest.importorskip("onnxruntime")
    base, x = network("relu_theta"), inputs(6)
    model = kl.GloroModel(base, 0.2, bound=kl.bounds.LocalLipschitz())
    # Nothing of a table of estimates is exported.
    model.certify(level="estimate")
    expected = kl.GloroModel(base, 0.2).predict(x, verbose=0)
    model.export(str(tmp_path / "saved"))
    said = capsys.readouterr().out
    assert "bounded by GlobalLipschitz, with constants of level 'R'" in said
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(loaded.serve(x), expected, rtol=1e-5)
    path = str(tmp_path / "model.onnx")
    model.export(path, format="onnx", verbose=False)
    assert "GlobalLipschitz" not in capsys.readouterr().out
    session = onnxruntime.InferenceSession(path)
    (served,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(served, expected, rtol=1e-5, atol=1e-6)
    assert isinstance(model.bound, kl.bounds.LocalLipschitz)
