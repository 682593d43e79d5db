"""What every layer must be able to do, on every backend."""

import os
import tempfile

import keras
import numpy as np
from keras import ops

POLICIES = ("mixed_float16", "bfloat16")


def run_layer_test(layer_class, init_kwargs, input_shape):
    """Runs all checks on a layer.

    Args:
        layer_class: The class of the layer.
        init_kwargs: Dict, the arguments of its constructor.
        input_shape: Shape of an input, with the batch.
    """
    layer = layer_class(**init_kwargs)
    x = np.random.default_rng(0).normal(size=input_shape).astype("float32")
    check_serialization(layer)
    check_shapes(layer, x)
    check_file(layer_class(**init_kwargs), x)
    check_fit_step(layer_class(**init_kwargs), x)
    check_lipschitz_constant(layer, input_shape)
    check_state_is_kept(layer, x)
    for policy in POLICIES:
        check_policy(layer_class, init_kwargs, policy, x)


def check_serialization(layer):
    config = layer.get_config()
    revived = type(layer).from_config(config)
    assert revived.get_config() == config
    assert dir(revived) == dir(layer)
    serialized = keras.saving.serialize_keras_object(layer)
    assert serialized["registered_name"] == (
        f"keras_lipschitz>{type(layer).__name__}"
    )
    revived = keras.saving.deserialize_keras_object(serialized)
    assert type(revived) is type(layer)
    assert revived.get_config() == config


def check_shapes(layer, x):
    """Symbolic and eager call agree, and with `compute_output_shape`."""
    symbolic = layer(keras.Input(batch_shape=(None, *x.shape[1:])))
    eager = layer(ops.convert_to_tensor(x))
    assert tuple(symbolic.shape) == (None, *eager.shape[1:])
    assert keras.backend.standardize_dtype(symbolic.dtype) == "float32"
    assert keras.backend.standardize_dtype(eager.dtype) == "float32"
    assert layer.compute_output_shape(x.shape) == tuple(eager.shape)
    assert np.isfinite(to_numpy(eager)).all()


def check_file(layer, x):
    """A model with the layer survives a `.keras` file, bit for bit."""
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        revived = keras.models.load_model(path)
    assert type(revived.layers[-1]) is type(layer)
    for ours, theirs in zip(model.weights, revived.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), revived.predict(x, verbose=0)
    )


def check_fit_step(layer, x):
    """One compiled training step trains what lies before the layer."""
    below = keras.layers.Dense(x.shape[-1])
    model = keras.Sequential([keras.Input(x.shape[1:]), below, layer])
    model.compile("sgd", "mse", jit_compile=keras.backend.backend() != "torch")
    before = to_numpy(below.kernel)
    y = np.zeros((len(x), *model.output_shape[1:]), "float32")
    history = model.fit(x, y, epochs=1, batch_size=len(x), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(to_numpy(below.kernel)).all()
    assert not np.array_equal(before, to_numpy(below.kernel))


def check_lipschitz_constant(layer, input_shape, pairs=64):
    """No pair of inputs moves apart faster than the constant says."""
    constant = float(layer.lipschitz_constant())
    random = np.random.default_rng(1)
    x = random.normal(size=(pairs, *input_shape[1:])).astype("float32")
    for distance in (2.0, 0.1):
        x2 = x + distance * random.normal(size=x.shape).astype("float32")
        inputs = lengths(x2 - x)
        outputs = lengths(call(layer, x2) - call(layer, x))
        assert (outputs <= constant * (1 + 1e-5) * inputs).all()


def check_state_is_kept(layer, x):
    """Neither inference nor asking for the constant changes a weight."""
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    before = [to_numpy(w) for w in model.weights]
    model.predict(x, verbose=0)
    model(ops.convert_to_tensor(x), training=False)
    layer.lipschitz_constant()
    for w, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(w), old)


def check_policy(layer_class, init_kwargs, policy, x):
    """Outputs follow the policy; the constant stays float32."""
    layer = layer_class(**init_kwargs, dtype=policy)
    y = layer(ops.convert_to_tensor(x))
    symbolic = layer(keras.Input(batch_shape=(None, *x.shape[1:])))
    compute_dtype = layer.dtype_policy.compute_dtype
    assert keras.backend.standardize_dtype(y.dtype) == compute_dtype
    assert keras.backend.standardize_dtype(symbolic.dtype) == compute_dtype
    assert np.isfinite(to_numpy(y)).all()
    iterate = getattr(layer, "power_iterate", None)
    kept = [] if iterate is None else iterate.weights
    for w in kept:
        assert w.dtype == "float32"
    for w in layer.weights:
        if not any(w is k for k in kept):
            assert w.dtype == layer.dtype_policy.variable_dtype
    constant = layer.lipschitz_constant()
    if not isinstance(constant, float):
        dtype = keras.backend.standardize_dtype(constant.dtype)
        assert dtype == "float32"
    twin = layer_class(**init_kwargs)
    twin.build(x.shape)
    twin.set_weights([to_numpy(w) for w in layer.weights])
    np.testing.assert_allclose(
        float(constant), float(twin.lipschitz_constant()), rtol=1e-6
    )


def call(layer, x):
    return to_numpy(layer(ops.convert_to_tensor(x)))


def to_numpy(x):
    return ops.convert_to_numpy(ops.cast(x, "float32")).copy()


def lengths(x):
    x = x.astype("float64")
    return np.sqrt(np.sum(x.reshape(len(x), -1) ** 2, axis=1))
