"""What every layer has to be able to do, whatever it computes."""

import inspect
import os

import keras
import numpy as np
import pytest
from keras import ops
from layer_test import check_lipschitz_constant
from layer_test import check_policy
from layer_test import check_serialization
from layer_test import check_shapes
from layer_test import check_state_is_kept
from one_lipschitz_zoo import LINEAR
from one_lipschitz_zoo import OTHERS
from one_lipschitz_zoo import RESIDUAL
from one_lipschitz_zoo import parametrize

from keras_lipschitz import layers
from keras_lipschitz.layers import one_lipschitz

ALL = [case[:3] for case in (*LINEAR, *RESIDUAL, *OTHERS)]
FIRST_OF_EACH = list({case[0]: case for case in reversed(ALL)}.values())
NAMES = [case[0].__name__ for case in FIRST_OF_EACH]


@parametrize(ALL)
def test_layer(case):
    layer_class, kwargs, shape = case
    layer = layer_class(**kwargs)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    check_serialization(layer)
    check_shapes(layer, x)
    check_lipschitz_constant(layer, shape)


@pytest.mark.parametrize("case", FIRST_OF_EACH, ids=NAMES)
def test_state_and_precision(case):
    layer_class, kwargs, shape = case
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    check_state_is_kept(layer_class(**kwargs), x)
    check_policy(layer_class, kwargs, "mixed_float16", x)


def test_no_layer_is_left_out():
    public = {c for c in vars(one_lipschitz).values() if inspect.isclass(c)}
    tested = {case[0] for case in ALL}
    assert public == tested | {layers.ConvexCombination}


def network():
    """One of each."""
    x = keras.Input((6, 6, 2))
    y = layers.AOLConv2D(4, 3, padding="same")(x)
    y = layers.BatchCentering()(y)
    y = layers.Householder(order=2)(y)
    y = layers.SOCConv2D(4, strides=2)(y)
    y = layers.SLLConv2D(6)(y)
    y = layers.AdaptiveOrthogonalConv2D(4, 3, padding="circular")(y)
    y = layers.MinMax()(y)
    y = layers.SandwichConv2D(4)(y)
    z = layers.LinearResidualConv2D(4, scale=0.5)(y)
    y = layers.ConvexCombination()([y, z])
    y = layers.CPLConv2D(2)(y)
    y = layers.LipschitzPReLU(shared_axes=(1, 2))(y)
    y = keras.layers.Flatten()(y)
    for dense in (
        layers.CayleyDense,
        layers.BjorckDense,
        layers.QRDense,
        layers.SandwichDense,
        layers.SLLDense,
        layers.CPLDense,
    ):
        y = layers.MinMax()(dense(6)(y))
    y = layers.LayerCentering()(y)
    return keras.Model(x, layers.NormalizedDense(3)(y))


def check_training(model, **kwargs):
    """Training lowers the loss and reaches every weight."""
    model.compile(
        keras.optimizers.Adam(1e-2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **kwargs,
    )
    random = np.random.default_rng(0)
    x = random.normal(size=(16, *model.input_shape[1:])).astype("float32")
    y = (x.reshape(16, -1)[:, 0] > 0).astype("int32")
    before = [ops.convert_to_numpy(w) for w in model.trainable_weights]
    history = model.fit(x, y, epochs=3, batch_size=16, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    for old, w in zip(before, model.trainable_weights, strict=True):
        new = ops.convert_to_numpy(w)
        assert np.isfinite(new).all()
        assert not np.array_equal(old, new), w.path
    return x


@pytest.mark.multi_backend
def test_compiled():
    """Kinds of parametrizations, compiled where the backend can."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.AOLConv2D(2, 3, strides=2, padding="circular"),
            layers.SOCConv2D(2, terms=3),
            layers.CPLConv2D(2),
            keras.layers.Flatten(),
            layers.CayleyDense(4),
            layers.NormalizedDense(3),
        ]
    )
    check_training(model, jit_compile=keras.backend.backend() != "torch")


def test_a_network_of_them_trains_and_is_restored(tmp_path):
    model = network()
    x = check_training(model, run_eagerly=True)
    path = os.path.join(tmp_path, "model.keras")
    model.save(path)
    revived = keras.saving.load_model(path)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(revived(x)), ops.convert_to_numpy(model(x))
    )


@pytest.mark.multi_backend
def test_convex_combination():
    layer = layers.ConvexCombination(initial_value=0.25)
    x = np.array([[1.0, 2.0]], "float32")
    y = layer([ops.convert_to_tensor(x), ops.convert_to_tensor(x + 4)])
    np.testing.assert_allclose(ops.convert_to_numpy(y), x + 1, rtol=1e-6)
    check_serialization(layers.ConvexCombination(initial_value=0.25))


def test_householder_begins_as_min_max():
    x = ops.convert_to_tensor(
        np.random.default_rng(0).normal(size=(9, 8)).astype("float32")
    )
    folded = layers.Householder()(x)
    np.testing.assert_allclose(folded, layers.MinMax()(x), atol=1e-6)
    lengths = np.linalg.norm(layers.Householder(order=2)(x), axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(x, axis=1), rtol=1e-6)


def test_batch_centering_tracks_the_mean():
    layer = layers.BatchCentering(momentum=0.5)
    x = np.random.default_rng(0).normal(size=(64, 3)) + [1.0, 2.0, 3.0]
    x = ops.convert_to_tensor(x.astype("float32"))
    for _ in range(20):
        y = layer(x, training=True)
    np.testing.assert_allclose(np.mean(y, axis=0), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(layer(x), y, atol=1e-4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.BRODense(3, rank_ratio=1.0), "between 0 and 1"),
        (lambda: layers.BjorckDense(3, iterations=0), "positive integer"),
        (lambda: layers.AOLConv2D(3, 3, dilation_rate=2), "should be 1"),
        (lambda: layers.AOLConv2D(4, 3, groups=2), "Adaptive"),
        (lambda: layers.AdaptiveOrthogonalConv2D(4, 2, 3), "the strides"),
        (lambda: layers.SOCConv2D(4, 2), "odd `kernel_size`"),
        (lambda: layers.SOCConv2D(4, padding="valid"), "'same' or 'circular'"),
        (lambda: layers.SLLDense(4, activation="gelu"), "slope between 0"),
        (lambda: layers.BatchCentering(momentum=2.0), "between 0 and 1"),
        (lambda: layers.LayerCentering(axis=0), "the batch"),
        (lambda: layers.ConvexCombination(1.0), "between 0 and 1"),
        (lambda: layers.Householder().build((None, 3)), "an even number"),
        (
            lambda: layers.AOLConv2D(3, 3, 2, "circular").build(
                (None, 5, 6, 1)
            ),
            "a multiple of strides",
        ),
        (
            lambda: layers.BROConv2D(3).build((None, None, 6, 1)),
            "fixed height and width",
        ),
        (
            lambda: layers.LinearResidualConv2D(3).build((None, 6, 6, 1)),
            "one shape",
        ),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
