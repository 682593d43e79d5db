"""Residual layers taken apart into stock layers, and found again."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from linear_truth import gradient_in_input

import keras_lipschitz as kl
from keras_lipschitz import models
from keras_lipschitz.certification.certify import certify
from keras_lipschitz.certification.checker import check

SHAPE = (5, 5, 2)


def network():
    base = keras.Sequential(
        [
            keras.Input(SHAPE),
            kl.layers.SLLConv2D(3, bias_initializer="normal"),
            kl.layers.CPLConv2D(2, (3, 1), use_bias=False),
            layers.Flatten(),
            kl.layers.SLLDense(5),
            kl.layers.CPLDense(9, bias_initializer="normal"),
            kl.layers.NormalizedDense(3),
        ]
    )
    random = np.random.default_rng(0)
    for w in base.weights:
        w.assign(ops.convert_to_numpy(w) + 0.1 * random.normal(size=w.shape))
    return base


@pytest.fixture(scope="module")
def x():
    random = np.random.default_rng(1)
    return random.normal(size=(32, *SHAPE)).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return kl.GloroModel(network(), epsilon=0.05)


@pytest.fixture
def apart(model):
    return models.to_plain(model, residual=True)


@pytest.mark.multi_backend
def test_the_certificate_is_that_of_the_layers(model, apart, x, tmp_path):
    kinds = {type(n) for n in apart.base._flatten_layers(recursive=True)}
    assert not any(issubclass(kind, kl.layers.LipschitzLayer) for kind in kinds)
    mine, theirs = apart.certify(), model.certify()
    np.testing.assert_allclose(
        mine.margin_constants, theirs.margin_constants, rtol=1e-9
    )
    assert mine.body_constant == theirs.body_constant == 1.0
    assert len(mine.layers) == len(theirs.layers) == 4
    np.testing.assert_allclose(
        apart.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6
    )
    a, b = apart.predict_certified(x), model.predict_certified(x)
    assert (a.label == b.label).all()
    np.testing.assert_allclose(a.radius, b.radius, rtol=1e-9)
    assert not check(apart, mine)[1]
    path = str(tmp_path / "apart.keras")
    apart.save(path)
    loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(loaded.predict_certified(x).radius, a.radius)
    np.testing.assert_array_equal(
        loaded.certify().margin_constants, mine.margin_constants
    )


def test_deployed_arithmetic(model, apart, x, monkeypatch):
    """Errors grow by the constant of a block, not by the sum of its parts."""
    kept = models.to_plain(model)
    for level in ("F64", "F32"):
        for twin in (kept, apart):
            twin.certify(level)
        radii = apart.predict_certified(x).radius
        np.testing.assert_allclose(radii, kept.predict_certified(x).radius)
    real = model.predict_certified(x).radius
    assert (radii <= real).all()
    np.testing.assert_allclose(radii, real, atol=2e-3)
    # What is asked of convolutions is asked of those inside.
    monkeypatch.setattr("platform.machine", lambda: "another")
    for twin in (kept, apart):
        with pytest.raises(ValueError, match="convolutions on this processor"):
            twin.certify("F32")


def test_local_bounds(model, x):
    def radii(level, convert):
        bound = kl.bounds.LocalLipschitz(intervals=False)
        twin = convert(kl.GloroModel(model.base, epsilon=0.2, bound=bound))
        twin.certify(level)
        return twin.predict_certified(x).radius

    def taken_apart(local):
        return models.to_plain(local, residual=True)

    for level in ("R", "estimate"):
        np.testing.assert_allclose(
            radii(level, taken_apart), radii(level, lambda m: m), rtol=1e-4
        )


@pytest.mark.multi_backend
def test_one_bit_makes_it_a_sum(apart):
    before = apart.certify()
    second = apart.base.get_layer("sll_dense").get_layer("leave")
    kernel = ops.convert_to_numpy(second.kernel)
    changed = kernel.copy()
    changed[0, 0] = np.nextafter(changed[0, 0], np.float32(9))
    second.kernel.assign(changed)
    norm = np.linalg.norm(kernel.astype("float64"), 2)
    after = apart.certify()
    assert after.body_constant == pytest.approx(1 + norm**2 / 2, rel=1e-5)
    assert not check(apart, after)[1]
    # A certificate of other weights is not taken for theirs.
    assert not apart.bound.holds(before)
    second.kernel.assign(kernel)
    assert apart.certify().body_constant == 1.0


def test_trained_blocks_are_sums(model, x):
    apart = models.to_plain(model, residual=True)
    apart.compile(keras.optimizers.SGD(1e-2), "gloro_crossentropy")
    y = np.arange(len(x)) % 3
    apart.fit(x, y, epochs=1, verbose=0, validation_data=(x, y))
    certificate = apart.certify()
    assert len(certificate.layers) == 8
    assert certificate.body_constant > 10
    body = keras.Model(apart.base.inputs, apart.base.layers[-1].input)
    assert jacobian_norm(body, SHAPE) <= certificate.body_constant


def test_export(apart, x, tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports through TensorFlow")
    import tensorflow as tf

    truth = apart.predict(x, verbose=0)
    apart.export(str(tmp_path / "saved"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(loaded.serve(x), truth, atol=1e-5)
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = str(tmp_path / "apart.onnx")
    apart.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    (served,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(served, truth, atol=1e-5)


# Blocks of other hands.


def jacobian_norm(function, shape, points=24):
    """The largest norm of Jacobians at random points."""
    size = int(np.prod(shape))
    x = np.random.default_rng(3).normal(size=(points, 1, *shape))
    rows = int(np.prod(function.output_shape[1:]))
    x = np.repeat(2.0 * x, rows, axis=1).astype("float32")
    units = np.eye(rows, dtype="float32").reshape(
        rows, *function.output_shape[1:]
    )
    gradients = gradient_in_input(
        function,
        ops.convert_to_tensor(x.reshape(-1, *shape)),
        np.tile(units, (points, *[1] * (units.ndim - 1))),
    )
    gradients = gradients.reshape(points, rows, size)
    return np.linalg.norm(gradients, 2, axis=(1, 2)).max()


def add(x, y, **_):
    return layers.Add()([x, y])


def block(first, *between, second, join=add, shape=(4,), factor=-2.0, size=1.0):
    """The body of a network, with `second` the adjoint of `first`."""
    x = keras.Input(shape)
    inner = first(x)
    hidden = inner
    for layer in between:
        hidden = layer(hidden)
    y = second(hidden)
    random = np.random.default_rng(0)
    kernel = random.normal(size=first.kernel.shape).astype("float32")
    *taps, inputs, outputs = kernel.shape
    norms = np.linalg.norm(kernel.reshape(-1, inputs, outputs), 2, axis=(1, 2))
    kernel *= np.float32(size / norms.sum())
    first.kernel.assign(kernel)
    back = np.flip(kernel, tuple(range(len(taps)))).swapaxes(-1, -2)
    second.kernel.assign(np.float32(factor) * back)
    return keras.Model(x, join(x, y, first=first, inner=inner, hidden=hidden))


def dense(*between, activation="relu", second=None, **kwargs):
    first = layers.Dense(3, activation, bias_initializer="normal")
    last = layers.Dense(4, bias_initializer="normal", **(second or {}))
    return block(first, *between, second=last, **kwargs)


def convolution(kernel_size, second=None, **arguments):
    arguments = {"padding": "same", **arguments}
    first = layers.Conv2D(3, kernel_size, activation="relu", **arguments)
    arguments = {**arguments, **(second or {})}
    last = layers.Conv2D(2, kernel_size, bias_initializer="normal", **arguments)
    return block(first, second=last, shape=(4, 4, 2))


def beside(what):
    """Joins, and lets something else read what is inside."""

    def join(x, y, **inside):
        side = y if what == "y" else inside[what]
        return layers.Concatenate()([layers.Add()([y, x]), side])

    return join


def again(x, y, first, **_):
    return layers.Concatenate()([layers.Add()([y, x]), first(x)])


def constant_of(body):
    """The certified constant of a body, and how many blocks were found."""
    logits = layers.Dense(2)(layers.Flatten()(body.output))
    bound = kl.bounds.GlobalLipschitz()
    bound.attach(keras.Model(body.inputs, logits))
    certificate = certify(bound, "")
    kinds = [norm.kind for norm in certificate.layers]
    return certificate.body_constant, kinds.count("ResidualBlock")


BLOCKS = {
    "dense": lambda: dense(),
    "on_sequences": lambda: dense(shape=(3, 4)),
    "relu_layer": lambda: dense(layers.ReLU(), activation=None),
    "tanh_layer": lambda: dense(layers.Activation("tanh"), activation=None),
    "linear": lambda: dense(activation=None),
    "convolution": lambda: convolution((3, 1)),
    "dilated": lambda: convolution(3, dilation_rate=2),
    "pointwise": lambda: convolution(1, padding="valid"),
    # The layer is used once more, what it computed here is not.
    "shared": lambda: dense(join=again),
}
SUMS = {
    "positive": lambda: dense(factor=2.0),
    "half": lambda: dense(factor=-1.0),
    "gelu": lambda: dense(activation="gelu"),
    "two_activations": lambda: dense(layers.Activation("sigmoid")),
    "leaky_relu": lambda: dense(
        layers.ReLU(negative_slope=1.5), activation=None
    ),
    "another_layer": lambda: dense(layers.Rescaling(2.0), activation=None),
    "activation_behind": lambda: dense(second={"activation": "relu"}),
    "two_precisions": lambda: dense(second={"dtype": "float64"}),
    "inner_is_read": lambda: dense(join=beside("inner"), activation=None),
    "hidden_is_read": lambda: dense(
        layers.ReLU(), activation=None, join=beside("hidden")
    ),
    "branch_is_read": lambda: dense(join=beside("y")),
    "subtracted": lambda: dense(
        join=lambda x, y, **_: layers.Subtract()([x, y])
    ),
    "three": lambda: dense(join=lambda x, y, **_: layers.Add()([x, y, x])),
    "no_skip": lambda: dense(
        join=lambda x, y, **_: layers.Add()([layers.ReLU()(x), y])
    ),
    # Padding is not the same on both sides, so the adjoint is another map.
    "even": lambda: convolution(2),
    "other_dilation": lambda: convolution(3, second={"dilation_rate": 2}),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks(name):
    body = BLOCKS[name]()
    constant, found = constant_of(body)
    assert found == 1
    assert jacobian_norm(body, body.input_shape[1:]) <= constant * (1 + 1e-5)
    assert constant < (1.5 if name == "shared" else 1 + 1e-6)


@pytest.mark.parametrize("name", SUMS)
def test_what_is_no_block(name):
    body = SUMS[name]()
    constant, found = constant_of(body)
    assert found == 0
    assert jacobian_norm(body, body.input_shape[1:]) <= constant * (1 + 1e-5)
    assert constant > 1.1


@pytest.mark.parametrize("size", [0.3, 1.3, 5.0])
def test_kernels_of_any_norm(size):
    body = dense(activation=None, size=size)
    constant, found = constant_of(body)
    attained = max(1.0, 2 * size**2 - 1)
    assert found == 1
    assert jacobian_norm(body, (4,)) == pytest.approx(attained, rel=1e-4)
    assert attained <= constant <= min(max(1, size**4), 1 + 2 * size**2) * 1.001


def test_a_block_says_what_it_computes():
    from keras_lipschitz.propagation.graph import trace
    from keras_lipschitz.propagation.residual_blocks import residual_blocks

    body = dense(layers.ReLU(), activation=None)
    ((step, steps),) = residual_blocks(trace(body))
    assert len(steps) == 4 and step.outputs == steps[-1].outputs
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(step.layer.call(x)),
        ops.convert_to_numpy(body(x)),
        atol=1e-6,
    )


def test_other_norms_know_no_blocks():
    bound = kl.bounds.GlobalLipschitz(norm="inf")
    bound.attach(keras.Sequential([dense(), layers.Dense(2)]))
    kinds = {norm.kind for norm in certify(bound, "").layers}
    assert kinds == {"Dense"}
