import sys

import keras
import numpy as np
import pytest

import keras_lipschitz
from keras_lipschitz.evaluation import pgd_accuracy


def linear_model(epsilon):
    """Margin of one per unit of the first feature."""
    base = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    base.set_weights([np.array([[0.5, -0.5], [0.0, 0.0]]), np.zeros(2)])
    return keras_lipschitz.GloroModel(base, epsilon)


def art_or_skip():
    pytest.importorskip("art")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the attack runs on TensorFlow")


@pytest.mark.parametrize("epsilon, kept", [(0.0, 4), (0.15, 3), (0.45, 1)])
def test_linear_network_by_hand(epsilon, kept):
    art_or_skip()
    # Distances to the boundary 0.1, 0.2, 0.4, 0.8, and one that is wrong.
    x = np.array([[0.1, 0], [-0.2, 1], [0.4, 0], [-0.8, 2], [0.5, 0]])
    y = np.array([0, 1, 0, 1, 1])
    model = linear_model(epsilon)
    accuracy, moved = pgd_accuracy(model, x, y, steps=10)
    assert accuracy == kept / 5
    lengths = np.linalg.norm(moved - x.astype("float32"), axis=1)
    assert lengths.max() <= epsilon * (1 + 1e-6)


@pytest.mark.parametrize(
    "dense", [keras.layers.Dense, keras_lipschitz.layers.CayleyDense]
)
def test_is_no_less_than_what_is_verified(dense):
    art_or_skip()
    rng = np.random.default_rng(0)
    base = keras.Sequential(
        [
            keras.Input((6,)),
            dense(12, activation="relu"),
            keras.layers.Dense(3),
        ]
    )
    model = keras_lipschitz.GloroModel(base, 0.2)
    x = rng.normal(size=(60, 6)).astype("float32")
    y = model.predict(x, verbose=0)[:, :-1].argmax(axis=1)
    label, _ = model.predict_certified(x)
    accuracy, _ = pgd_accuracy(model, x, y, steps=10)
    assert np.mean(label == y) <= accuracy <= 1.0


def test_without_the_toolbox_the_error_names_it(monkeypatch):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the attack runs on TensorFlow")
    monkeypatch.setitem(sys.modules, "art.attacks.evasion", None)
    with pytest.raises(ImportError, match=r"keras-lipschitz\[attacks\]"):
        pgd_accuracy(linear_model(0.1), np.ones((1, 2)), [0])


@pytest.mark.multi_backend
def test_other_backends_are_refused():
    if keras.backend.backend() == "tensorflow":
        pytest.skip("the attack runs on TensorFlow")
    with pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow"):
        pgd_accuracy(linear_model(0.1), np.ones((1, 2)), [0])
