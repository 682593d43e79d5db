"""Pooling and resampling: exact operators against their matrices."""

import keras
import numpy as np
import pytest
from keras import ops
from linear_truth import gradient_in_input
from linear_truth import matrix_of

from keras_lipschitz import layers
from keras_lipschitz.layers._spatial import root_down

POOLINGS = [layers.ScaledAveragePooling2D, layers.L2NormPooling2D]
RESAMPLINGS = [layers.InvertibleDownsampling, layers.InvertibleUpsampling]

SIZES = [
    # height, width, pool_size, padding
    (4, 4, 2, "valid"),
    (5, 7, 2, "valid"),
    (5, 7, 2, "same"),
    (6, 6, (2, 3), "valid"),
    (5, 4, (3, 2), "same"),
    (5, 5, 3, "same"),
    (1, 2, 3, "same"),
    (4, 6, 1, "valid"),
]


def windows_of(x, pool_size, padding):
    """The zero-padded windows, slowly: `(batch, h, w, p * q, channels)`."""
    p, q = np.broadcast_to(pool_size, 2)
    if padding == "same":
        missing = [-x.shape[1] % p, -x.shape[2] % q]
        sides = [(m // 2, m - m // 2) for m in missing]
        x = np.pad(x, [(0, 0), *sides, (0, 0)])
    rows, columns = x.shape[1] // p, x.shape[2] // q
    windows = np.zeros((len(x), rows, columns, p * q, x.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            block = x[:, i * p : i * p + p, j * q : j * q + q]
            windows[:, i, j] = block.reshape(len(x), p * q, -1)
    return windows


def run(layer, x):
    """Calls a layer on a channels-last array, in the format of the layer."""
    if layer.data_format == "channels_last":
        return ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    y = layer(ops.convert_to_tensor(np.moveaxis(x, -1, 1).copy()))
    return np.moveaxis(ops.convert_to_numpy(y), 1, -1)


@pytest.mark.multi_backend
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("height, width, pool_size, padding", SIZES)
def test_pooling_values(height, width, pool_size, padding, data_format):
    x = np.random.default_rng(0).normal(size=(2, height, width, 3))
    x = x.astype("float32")
    windows = windows_of(x, pool_size, padding)
    arguments = dict(
        pool_size=pool_size, padding=padding, data_format=data_format
    )
    average = run(layers.ScaledAveragePooling2D(**arguments), x)
    area = windows.shape[3]
    np.testing.assert_allclose(
        average, windows.sum(axis=3) / np.sqrt(area), rtol=1e-5, atol=1e-6
    )
    norms = run(layers.L2NormPooling2D(**arguments), x)
    np.testing.assert_allclose(
        norms, np.sqrt((windows**2).sum(axis=3)), rtol=1e-5
    )


@pytest.mark.multi_backend
@pytest.mark.parametrize("height, width, pool_size, padding", SIZES)
def test_average_pooling_has_norm_one(height, width, pool_size, padding):
    layer = layers.ScaledAveragePooling2D(pool_size, padding=padding)
    matrix = matrix_of(layer, (height, width, 2))
    norm = np.linalg.svd(matrix, compute_uv=False)[0]
    assert norm <= 1.0 + 1e-6
    p, q = np.broadcast_to(pool_size, 2)
    if height >= p and width >= q:
        assert norm == pytest.approx(1.0, rel=1e-6)
    assert layer.lipschitz_constant() == 1.0


@pytest.mark.multi_backend
@pytest.mark.parametrize("height, width", [(1, 1), (3, 5), (4, 4)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_average_pooling_has_norm_one(height, width, keepdims):
    layer = layers.ScaledGlobalAveragePooling2D(keepdims=keepdims)
    matrix = matrix_of(layer, (height, width, 2))
    norms = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(norms, 1.0, rtol=1e-6)
    other = layers.ScaledGlobalAveragePooling2D("channels_first", keepdims)
    x = np.random.default_rng(0).normal(size=(2, height, width, 3))
    x = x.astype("float32")
    ours = ops.convert_to_numpy(layer(x))
    theirs = ops.convert_to_numpy(other(np.moveaxis(x, -1, 1).copy()))
    if keepdims:
        theirs = np.moveaxis(theirs, 1, -1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_scale_is_never_rounded_up():
    for n in range(1, 2000):
        root = root_down(n)
        assert root == np.float32(root)
        assert root**2 <= n
        assert root == pytest.approx(np.sqrt(n), rel=2e-7)


@pytest.mark.multi_backend
def test_gradient_of_a_norm_is_finite_at_zero():
    layer = layers.L2NormPooling2D(2)
    x = np.zeros((1, 2, 4, 1), "float32")
    x[0, :, 2:, 0] = [[3.0, 0.0], [0.0, 4.0]]
    gradient = gradient_in_input(
        layer, ops.convert_to_tensor(x), np.ones((1, 1, 2, 1), "float32")
    )
    np.testing.assert_array_equal(gradient[0, :, :2, 0], 0.0)
    np.testing.assert_allclose(
        gradient[0, :, 2:, 0], [[0.6, 0.0], [0.0, 0.8]], rtol=1e-6
    )


@pytest.mark.multi_backend
@pytest.mark.parametrize("size", [1e-15, 1e-3, 250.0, 1e15])
def test_norms_of_any_size(size):
    dtype = "float16" if 1e-3 <= size <= 250.0 else "float32"
    layer = layers.L2NormPooling2D(2, dtype=dtype)
    x = np.full((1, 2, 2, 1), size, dtype)
    y = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(float(y.item()), 2 * size, rtol=1e-3)


@pytest.mark.multi_backend
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("pool_size", [1, 2, (2, 3), (3, 1)])
def test_resampling_moves_every_entry_once(pool_size, data_format):
    p, q = np.broadcast_to(pool_size, 2)
    x = np.arange(2 * 6 * 6 * 3, dtype="float32").reshape(2, 6, 6, 3)
    down = layers.InvertibleDownsampling(pool_size, data_format=data_format)
    up = layers.InvertibleUpsampling(pool_size, data_format=data_format)
    y = run(down, x)
    truth = windows_of(x, pool_size, "valid").reshape(2, 6 // p, 6 // q, -1)
    np.testing.assert_array_equal(y, truth)
    np.testing.assert_array_equal(run(up, y), x)


@pytest.mark.multi_backend
@pytest.mark.parametrize("layer_class", RESAMPLINGS)
def test_resampling_is_a_permutation(layer_class):
    matrix = matrix_of(layer_class(2), (4, 2, 4))
    np.testing.assert_array_equal(matrix @ matrix.T, np.eye(32))
    assert set(np.unique(matrix)) == {0.0, 1.0}


@pytest.mark.multi_backend
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "mode, axes",
    [
        ("horizontal", (2,)),
        ("vertical", (1,)),
        ("horizontal_and_vertical", (1, 2)),
    ],
)
def test_flip(mode, axes, data_format):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    layer = layers.Flip(mode, data_format)
    np.testing.assert_array_equal(run(layer, x), np.flip(x, axes))


def test_flip_of_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="`mode` of Flip.*'horizontal'.*'up'"):
        layers.Flip("up")


@pytest.mark.parametrize(
    "layer", [layers.InvertibleDownsampling(2), layers.InvertibleUpsampling(2)]
)
def test_resampling_of_any_size(layer):
    model = keras.Sequential([keras.Input((None, None, 4)), layer])
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 4)).astype("float32")
    y = model.predict(x, verbose=0)
    assert y.shape == layer.compute_output_shape(x.shape)
    assert model.output_shape == (None, None, None, y.shape[-1])


def test_valid_pooling_of_any_size():
    model = keras.Sequential(
        [keras.Input((None, None, 2)), layers.ScaledAveragePooling2D(2)]
    )
    assert model.predict(np.ones((1, 5, 4, 2)), verbose=0).shape == (1, 2, 2, 2)


@pytest.mark.parametrize("layer_class", POOLINGS)
def test_overlapping_windows_are_refused(layer_class):
    with pytest.raises(ValueError, match=r"\(3, 3\), the pool size.*\(2, 2\)"):
        layer_class(3, strides=2)
    assert layer_class(3, strides=(3, 3)).pool_size == (3, 3)


@pytest.mark.parametrize("layer_class", POOLINGS)
def test_bad_padding_is_refused(layer_class):
    with pytest.raises(ValueError, match="'valid' or 'same'.*'full'"):
        layer_class(2, padding="full")


@pytest.mark.parametrize("layer_class", POOLINGS)
def test_images_that_do_not_fit_are_refused(layer_class):
    with pytest.raises(ValueError, match=r"at least one.*\(2, 1, 4, 3\)"):
        layer_class(2)(np.zeros((2, 1, 4, 3)))
    with pytest.raises(ValueError, match="fixed height and width"):
        layer_class(2, padding="same")(keras.Input((None, 4, 3)))


@pytest.mark.parametrize("layer_class", POOLINGS + RESAMPLINGS)
@pytest.mark.parametrize("pool_size", [0, -2, 1.5, (2,), (2, 0), "2", None])
def test_bad_pool_size_is_refused(layer_class, pool_size):
    with pytest.raises(ValueError, match="`pool_size` of .* positive integer"):
        layer_class(pool_size)


@pytest.mark.parametrize(
    "layer_class",
    [
        *POOLINGS,
        *RESAMPLINGS,
        layers.Flip,
        layers.ScaledGlobalAveragePooling2D,
    ],
)
def test_what_is_not_an_image_is_refused(layer_class):
    with pytest.raises(ValueError, match=r"rank 4.*\(2, 4\)"):
        layer_class()(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="'channels_last' or.*'NHWC'"):
        layer_class(data_format="NHWC")


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"multiples of \(2, 2\).*\(1, 4, 5, "):
        layers.InvertibleDownsampling(2)(np.zeros((1, 4, 5, 2)))
    with pytest.raises(ValueError, match=r"multiple of 4.*\(1, 4, 4, 6\)"):
        layers.InvertibleUpsampling(2)(np.zeros((1, 4, 4, 6)))


def test_global_pooling_of_unknown_size_is_refused():
    with pytest.raises(ValueError, match="fixed height and width"):
        layers.ScaledGlobalAveragePooling2D()(keras.Input((None, 4, 3)))
