"""Kernels that are not computed at inference are those of these weights."""

import keras
import numpy as np
import pytest
from keras import ops
from one_lipschitz_zoo import COMPILED
from one_lipschitz_zoo import LINEAR
from one_lipschitz_zoo import OTHERS
from one_lipschitz_zoo import RESIDUAL

import keras_lipschitz as kl
from keras_lipschitz import layers
from keras_lipschitz import models
from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    ParametrizedLayer,
)
from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    computing_layers,
)

COMPUTED = [
    case[:3]
    for case in (*LINEAR, *RESIDUAL, *OTHERS)
    if issubclass(case[0], ParametrizedLayer)
]


def network():
    return keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.AOLConv2D(2, 3, strides=2, padding="circular"),
            layers.CPLConv2D(3),
            layers.MinMax(),
            keras.layers.Flatten(),
            layers.CayleyDense(4),
            layers.NormalizedDense(3),
        ]
    )


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = kl.GloroModel(network(), epsilon=0.1)
    model.compile(
        "adam",
        "gloro_crossentropy",
        metrics=["clean_accuracy"],
        jit_compile=COMPILED,
    )
    return model


def data(count=8):
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 4, 4, 2)).astype("float32")
    return x, random.integers(0, 3, count)


def check_is_of_these_weights(model, on_batch=False):
    """Against the network that computes all of its kernels now."""
    x, y = data()
    truth = ops.convert_to_numpy(model.base(x))
    accuracy = np.mean(truth.argmax(axis=1) == y)
    outputs = model.predict(x, verbose=0)
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    if on_batch:
        outputs = model.predict_on_batch(x)
        results = model.test_on_batch(x, y, return_dict=True)
    np.testing.assert_allclose(outputs[:, :-1], truth, atol=1e-6)
    assert results["clean_accuracy"] == pytest.approx(accuracy)


def moved(weights, seed):
    random = np.random.default_rng(seed)
    return [w + 0.5 * random.normal(size=w.shape) for w in weights]


def assign_one(model, _):
    layer = model.base.layers[1]
    (raw,) = layer.raw_weights
    raw.assign(-ops.flip(raw, axis=0) + 0.3)


def set_weights(model, _):
    model.set_weights(moved(model.get_weights(), seed=1))


def step(model, _):
    model.train_on_batch(*data())


def fit(model, _):
    model.fit(*data(), validation_data=data(), epochs=2, verbose=0)


def load(model, path):
    path = str(path / "w.weights.h5")
    model.save_weights(path)
    before = model.get_weights()
    model.set_weights(moved(before, seed=2))
    model.predict(data()[0], verbose=0)
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def restore_every_variable(model, _):
    """As of a checkpoint that holds the stored kernels too."""
    model.predict(data()[0], verbose=0)
    kept = [ops.convert_to_numpy(v) for v in model.variables]
    weights = model.get_weights()
    model.set_weights(moved(weights, seed=3))
    model.predict(data()[0], verbose=0)
    changed = model.get_weights()
    for variable, value in zip(model.variables, kept, strict=True):
        variable.assign(value)
    model.set_weights(changed)


def change_an_argument(model, _):
    model.base.layers[1].iterations += 1


@pytest.mark.multi_backend
def test_no_kernel_is_stale(model, tmp_path):
    check_is_of_these_weights(model, on_batch=True)
    for change in (
        assign_one,
        set_weights,
        step,
        fit,
        load,
        restore_every_variable,
        change_an_argument,
    ):
        change(model, tmp_path)
        check_is_of_these_weights(model, on_batch=change is assign_one)
    np.testing.assert_allclose(
        models.to_plain(model).certify().margin_constants,
        model.certificate.margin_constants,
        rtol=1e-6,
    )


class Change(keras.callbacks.Callback):
    """Changes weights for an evaluation, as averages of weights do."""

    def on_test_begin(self, logs=None):
        assign_one(self.model, None)

    on_predict_begin = on_test_begin

    def on_predict_batch_begin(self, batch, logs=None):
        # A callback sees the present weights.
        self.seen = ops.convert_to_numpy(self.model.base(data()[0]))


@pytest.mark.multi_backend
def test_weights_that_callbacks_change(model):
    x, y = data()
    change = Change()
    outputs = model.predict(x, callbacks=[change], verbose=0)
    truth = ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(outputs, truth, atol=1e-6)
    np.testing.assert_allclose(outputs[:, :-1], change.seen, atol=1e-6)
    model.evaluate(x, y, callbacks=[change], verbose=0)
    assert model.certificate.weights == model.fingerprint()
    history = model.fit(
        x, y, validation_data=(x, y), callbacks=change, verbose=0
    ).history
    truth = ops.convert_to_numpy(model.base(x)).argmax(axis=1)
    accuracy = pytest.approx(np.mean(truth == y))
    assert history["val_clean_accuracy"][-1] == accuracy


def test_no_kernel_is_computed_at_inference(model, monkeypatch):
    x, _ = data()
    model.predict(x, verbose=0)

    def refuse(*raw):
        raise AssertionError("computed")

    eager = kl.GloroModel(model.base, epsilon=0.1)
    eager.compile(run_eagerly=True)
    eager.predict(x, verbose=0)
    for layer in computing_layers(model.base):
        monkeypatch.setattr(layer, "parametrize", refuse)
    # Neither anew where nothing has changed, nor batch by batch.
    np.testing.assert_allclose(
        eager.predict(x, batch_size=2, verbose=0),
        model.predict(x, verbose=0),
        atol=1e-6,
    )
    with pytest.raises(AssertionError, match="computed"):
        model.base(x)


def test_gradients_reach_raw_weights_after_inference(model):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a loop of TensorFlow")
    import tensorflow as tf

    x, _ = data()
    model.predict(x, verbose=0)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(model(x)[:, :-1] ** 2)
    (raw,) = model.base.layers[1].raw_weights
    assert np.abs(tape.gradient(value, raw.value)).max() > 0


def test_stored_kernels_are_nobodys_weights(model):
    stored = {id(v) for v in model._kernels.variables}
    assert stored <= {id(v) for v in model.variables}
    assert not stored & {id(v) for v in model.weights}
    assert not stored & {id(v) for v in model.base.variables}


@pytest.mark.parametrize("case", COMPUTED, ids=lambda case: case[0].__name__)
def test_plain_layers_of_every_kind(case):
    layer_class, kwargs, shape = case
    base = keras.Sequential([keras.Input(shape[1:]), layer_class(**kwargs)])
    for w in base.weights:
        w.assign(moved([ops.convert_to_numpy(w)], seed=0)[0])
    plain = models.to_plain(base)
    assert not computing_layers(plain)
    assert not [w for w in plain.weights if "raw" in w.path]
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    truth = ops.convert_to_numpy(base(x))
    np.testing.assert_allclose(ops.convert_to_numpy(plain(x)), truth, atol=1e-6)
    again = type(plain).from_config(plain.get_config())
    again.set_weights(plain.get_weights())
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again(x)), ops.convert_to_numpy(plain(x))
    )
