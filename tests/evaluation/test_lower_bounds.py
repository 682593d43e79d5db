import keras
import numpy as np
import pytest

import keras_lipschitz
from keras_lipschitz.evaluation import lipschitz_lower_bounds
from keras_lipschitz.evaluation.gradients import value_and_gradient


def linear_model(kernel, epsilon=0.5):
    base = keras.Sequential(
        [keras.Input((len(kernel),)), keras.layers.Dense(kernel.shape[1])]
    )
    base.set_weights([kernel.astype("float32"), np.zeros(kernel.shape[1])])
    return keras_lipschitz.GloroModel(base, epsilon)


@pytest.mark.multi_backend
def test_gradient_of_a_batch():
    x = np.array([[1.0, 2.0], [3.0, -1.0]], "float32")
    w = np.array([2.0, 5.0], "float32")
    values, gradient = value_and_gradient(
        lambda x, w: keras.ops.sum(x**2 * w, axis=1)
    )(x, w)
    np.testing.assert_allclose(values, [22.0, 23.0])
    np.testing.assert_allclose(gradient, 2 * x * w)


@pytest.mark.multi_backend
def test_linear_margin_attains_its_constant(rng):
    kernel = rng.normal(size=(4, 2))
    model = linear_model(kernel)
    truth = np.linalg.norm(kernel[:, 0] - kernel[:, 1])
    found = lipschitz_lower_bounds(
        model, rng.normal(size=(8, 4)), steps=300, learning_rate=0.1
    )
    assert found.global_lower <= found.upper * (1 + 1e-5)
    np.testing.assert_allclose(found.upper, truth, rtol=1e-5)
    np.testing.assert_allclose(found.global_lower, truth, rtol=1e-2)
    np.testing.assert_allclose(found.local_lower, truth, rtol=5e-2)
    assert found.tightness > 0.98


@pytest.mark.multi_backend
def test_order_of_bounds_on_a_network(rng):
    base = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(3),
        ]
    )
    model = keras_lipschitz.GloroModel(base, 0.3)
    x = rng.normal(size=(16, 5))
    few = lipschitz_lower_bounds(model, x, steps=1)
    many = lipschitz_lower_bounds(model, x, steps=100, learning_rate=0.05)
    table = model.certificate.margin_constants
    assert 0 < few.global_lower <= many.global_lower * 1.05
    assert many.global_lower <= table.max()
    assert many.local_lower <= many.upper_mean <= table.max() * (1 + 1e-6)
    assert many.samples == 16


def test_local_search_stays_within_its_ball(rng):
    from keras_lipschitz.evaluation.lipschitz_lower_bounds import _shortened

    moves = rng.normal(size=(50, 3, 2))
    lengths = np.linalg.norm(_shortened(moves, 0.5).reshape(50, -1), axis=1)
    assert lengths.max() <= 0.5 + 1e-12
    short = 1e-3 * moves
    np.testing.assert_allclose(_shortened(short, 0.5), short)


@pytest.mark.parametrize("samples, steps", [(1, 5), (4, 0)])
def test_too_little_to_search(rng, samples, steps):
    model = linear_model(np.eye(3))
    with pytest.raises(ValueError, match="two samples or more"):
        lipschitz_lower_bounds(model, np.ones((samples, 3)), steps=steps)
