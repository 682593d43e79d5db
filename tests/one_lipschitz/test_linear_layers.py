"""Linear layers: their true norm in every state that weights can be in."""

import os

import keras
import numpy as np
import pytest
from keras import ops
from linear_truth import matrix_of
from one_lipschitz_zoo import LINEAR
from one_lipschitz_zoo import QUICK
from one_lipschitz_zoo import parametrize


@parametrize(LINEAR)
def test_norm_in_every_state(case, tmp_path):
    layer_class, kwargs, input_shape, orthogonal = case
    layer = layer_class(**{**kwargs, "activation": None, "use_bias": False})
    model = keras.Sequential([keras.Input(input_shape[1:]), layer])
    check(layer, orthogonal)

    model.compile(keras.optimizers.Adam(0.03), "mse", **QUICK)
    x = np.random.default_rng(0).normal(size=input_shape).astype("float32")
    y = np.ones((len(x), *model.output_shape[1:]), "float32")
    for steps in (1, 8):
        for _ in range(steps):
            model.train_on_batch(x, y)
        check(layer, orthogonal)

    shapes = [w.shape for w in layer.weights]
    for make in (normal, large, small, rank_one, zero):
        layer.set_weights([make(shape) for shape in shapes])
        check(layer, orthogonal and make in (normal, large, small))

    layer.set_weights([normal(shape) for shape in shapes])
    before = matrix_of(layer, input_shape[1:])
    path = os.path.join(tmp_path, "model.keras")
    model.save(path)
    revived = keras.saving.load_model(path).layers[-1]
    np.testing.assert_array_equal(matrix_of(revived, input_shape[1:]), before)


def check(layer, orthogonal):
    matrix = matrix_of(layer, layer.mapped_shape[1:])
    values = np.linalg.svd(matrix, compute_uv=False)
    assert values.max() <= 1 + 1e-6
    if orthogonal:
        assert values.min() >= 1 - 1e-5
    # The kernel that is certified is the one that is used.
    kernel = ops.convert_to_numpy(layer.kernel)
    assert kernel.dtype == "float32"


def normal(shape):
    return np.random.default_rng(1).normal(size=shape)


def large(shape):
    return 1e4 * normal(shape)


def small(shape):
    return 1e-4 * normal(shape)


def rank_one(shape):
    return np.ones(shape) * np.arange(1.0, 1.0 + shape[-1])


def zero(shape):
    return np.zeros(shape)


@pytest.mark.multi_backend
def test_orthogonal_layers_of_real_size_stay_below_one():
    """Rounding grows with the size: float32 has to leave room."""
    random = np.random.default_rng(0)
    dense = {case[0] for case in LINEAR if "units" in case[1]}
    for layer_class in dense:
        layer = layer_class(100, use_bias=False)
        layer.build((None, 150))
        raw = layer.get_weights()[0]
        layer.set_weights([random.normal(size=raw.shape)])
        kernel = ops.convert_to_numpy(layer.kernel).astype("float64")
        assert np.linalg.norm(kernel, 2) <= 1 + 1e-6
