"""Layers of l_inf distances against slow distances."""

import math

import keras
import numpy as np
import pytest
from slow_linf import distances
from slow_linf import patch_distances
from slow_linf import to_numpy

from keras_lipschitz import layers

multi_backend = pytest.mark.multi_backend


def random_array(*shape, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=shape).astype("float32")


@multi_backend
@pytest.mark.parametrize("p", [1.0, 8.0, 20.5, 1000.0, math.inf])
def test_trains_at_p_and_infers_at_infinity(p):
    layer = layers.LInfDist(4, p=p, use_bias=True)
    x = random_array(3, 2, 5)
    layer.build(x.shape)
    layer.bias.assign(random_array(4, seed=1))
    rows, w = x.reshape(-1, 5).astype("float64"), to_numpy(layer.kernel)
    bias = to_numpy(layer.bias)
    trained = to_numpy(layer(x, training=True)).reshape(-1, 4)
    np.testing.assert_allclose(trained, distances(rows, w, p) + bias, rtol=1e-5)
    inferred = to_numpy(layer(x)).reshape(-1, 4)
    np.testing.assert_allclose(
        inferred, distances(rows, w, math.inf) + bias, rtol=1e-6
    )


@multi_backend
@pytest.mark.parametrize(
    "padding, data_format",
    [("valid", "channels_last"), ("same", "channels_first")],
)
def test_convolution_is_the_distance_of_patches(padding, data_format):
    layer = layers.LInfDistConv2D(
        4, (3, 2), (2, 1), padding, data_format, p=8.0, use_bias=True
    )
    x = random_array(2, 5, 6, 3)
    first = data_format == "channels_first"
    given = x.transpose(0, 3, 1, 2) if first else x
    layer.build(given.shape)
    layer.bias.assign(random_array(4, seed=1))
    w, bias = to_numpy(layer.kernel), to_numpy(layer.bias)
    for p, training in ((8.0, True), (math.inf, False)):
        y = to_numpy(layer(given, training=training))
        y = y.transpose(0, 2, 3, 1) if first else y
        expected = patch_distances(x.astype("float64"), w, p, (2, 1), padding)
        np.testing.assert_allclose(y, expected + bias, rtol=1e-5)


@multi_backend
def test_begins_as_the_identity():
    x = random_array(50, 5)
    layer = layers.LInfDist(12, identity=20.0)
    shift = layers.MeanShift()
    y = to_numpy(layer(x)) - 20.0
    np.testing.assert_allclose(y, x[:, np.arange(12) % 5], atol=1e-5)
    shift(layer(x), training=True)
    # Fewer units than inputs cannot; `None` does not want to.
    for layer in (layers.LInfDist(4), layers.LInfDist(9, identity=None)):
        layer.build((None, 5))
        assert np.abs(to_numpy(layer.kernel)).max() < 6
    images = random_array(2, 4, 4, 3)
    convolution = layers.LInfDistConv2D(6, 3, padding="same", identity=20.0)
    y = to_numpy(convolution(images)) - 20.0
    np.testing.assert_allclose(y, images[..., np.arange(6) % 3], atol=1e-5)


@multi_backend
@pytest.mark.parametrize("p", [8.0, math.inf])
def test_nothing_breaks_where_the_input_is_the_point(p):
    layer = layers.LInfDist(2, p=p, identity=None)
    model = keras.Sequential([keras.Input((3,)), layer, layers.MeanShift()])
    layer.kernel.assign(np.ones((3, 2)))
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    for variable in model.weights:
        assert np.isfinite(to_numpy(variable)).all()


@multi_backend
def test_mean_shift_moves_by_the_mean():
    layer = layers.MeanShift(axis=1, momentum=0.75)
    x = random_array(6, 3, 4) + 5.0
    y = to_numpy(layer(x, training=True))
    mean = x.astype("float64").mean(axis=(0, 2))
    np.testing.assert_allclose(y, x - mean[:, None], atol=1e-5)
    moving = 0.25 * mean
    np.testing.assert_allclose(to_numpy(layer.moving_mean), moving, rtol=1e-5)
    np.testing.assert_allclose(
        to_numpy(layer(x)), x - moving[:, None], atol=1e-5
    )


def test_p_is_kept_and_may_be_set():
    layer = layers.LInfDist(2, p=8)
    assert layer.p == 8.0
    layer.build((None, 3))
    assert layer.get_config()["p"] == 8.0
    layer.p = math.inf
    assert layer.p == math.inf
    for variable in layer.weights:
        assert np.isfinite(to_numpy(variable)).all()
    layer.p = 57.25
    assert type(layer).from_config(layer.get_config()).p == 57.25


@pytest.mark.parametrize(
    "kind, arguments, match",
    [
        (layers.LInfDist, {"units": 0}, "units.*Received: units=0"),
        (layers.LInfDist, {"units": 2.5}, "units"),
        (layers.LInfDist, {"units": 3, "p": 0.5}, "`p`.*Received: p=0.5"),
        (layers.LInfDist, {"units": 3, "p": math.nan}, "`p`"),
        (layers.LInfDist, {"units": 3, "p": "inf"}, "`p`"),
        (layers.LInfDist, {"units": 3, "identity": -1.0}, "identity"),
        (layers.LInfDistConv2D, {"filters": -1, "kernel_size": 3}, "filters"),
        (layers.LInfDistConv2D, {"filters": 1, "kernel_size": 0}, "kernel"),
        (
            layers.LInfDistConv2D,
            {"filters": 1, "kernel_size": 3, "padding": "full"},
            "padding.*Received: padding='full'",
        ),
        (layers.MeanShift, {"momentum": 1.5}, "momentum"),
    ],
)
def test_bad_arguments(kind, arguments, match):
    with pytest.raises(ValueError, match=match):
        kind(**arguments)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (layers.LInfDist(2), (None, None)),
        (layers.LInfDistConv2D(2, 3), (None, 2, 5, 1)),
        (layers.LInfDistConv2D(2, 3), (None, None, 5, 1)),
        (layers.LInfDistConv2D(2, 3), (None, 5, 1)),
        (layers.MeanShift(), (None, None)),
        (layers.MeanShift(axis=0), (None, 3)),
    ],
)
def test_bad_shapes(layer, shape):
    with pytest.raises(ValueError, match="Received"):
        layer.build(shape)
