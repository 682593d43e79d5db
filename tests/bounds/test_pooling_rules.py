"""Max pooling: windows that overlap move together."""

import numpy as np
import pytest
from brute_force import PRECISE
from brute_force import bound_of_layer
from brute_force import infer
from keras import layers

POOLS = [
    (layers.MaxPooling1D(2, 2, dtype=PRECISE), (6, 1)),
    (layers.MaxPooling1D(3, 2, dtype=PRECISE), (7, 2)),
    (layers.MaxPooling1D(3, 2, "same", dtype=PRECISE), (6, 1)),
    (layers.MaxPooling1D(3, 2, dtype=PRECISE), (3, 1)),
    (layers.MaxPooling1D(2, 1, "same", dtype=PRECISE), (2, 1)),
    (layers.MaxPooling1D(4, 1, "same", dtype=PRECISE), (3, 1)),
    (layers.MaxPooling1D(2, 3, dtype=PRECISE), (8, 1)),
    (layers.MaxPooling2D(3, 1, dtype=PRECISE), (5, 5, 1)),
    (layers.MaxPooling2D((3, 2), (2, 1), "same", dtype=PRECISE), (4, 5, 1)),
    # TensorFlow has no MaxPooling3D in float64.
    (layers.MaxPooling3D((2, 1, 3), 1), (3, 2, 4, 1)),
    (layers.GlobalMaxPooling1D(dtype=PRECISE), (5, 2)),
    (layers.GlobalMaxPooling2D(keepdims=True, dtype=PRECISE), (3, 2, 2)),
    (layers.GlobalMaxPooling3D(dtype=PRECISE), (3, 2, 2, 1)),
]


@pytest.mark.multi_backend
@pytest.mark.parametrize("layer, shape", POOLS)
def test_is_attained_where_one_cell_is_the_largest(layer, shape):
    size = int(np.prod(shape))
    peaks = np.eye(size).reshape(size, *shape)
    moved = infer(layer, peaks) - infer(layer, 0 * peaks)
    truth = np.sqrt((moved.reshape(size, -1) ** 2).sum(axis=1)).max()
    bound = bound_of_layer(layer, shape)
    assert truth <= bound * (1 + 1e-12) and bound <= truth * (1 + 1e-6)


@pytest.mark.parametrize("layer, shape", POOLS)
def test_is_never_passed(layer, shape):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(500, *shape)).round(1)
    step = generator.normal(size=x.shape)
    step *= generator.random(size=x.shape) < 0.3
    moved = (infer(layer, x + step) - infer(layer, x)).reshape(len(x), -1)
    length = np.linalg.norm(step.reshape(len(x), -1), axis=1)
    bound = bound_of_layer(layer, shape)
    assert (np.linalg.norm(moved, axis=1) <= bound * length + 1e-5).all()


@pytest.mark.parametrize(
    "pool, strides, truth", [(2, 1, 2.0), (3, 2, 2.0), (3, 1, 3.0), (2, 2, 1.0)]
)
def test_known_constants_of_images(pool, strides, truth):
    layer = layers.MaxPooling2D(pool, strides)
    assert bound_of_layer(layer, (9, 9, 1)) == truth
