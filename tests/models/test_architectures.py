import keras
import numpy as np
import pytest

import keras_lipschitz
from keras_lipschitz import models

PUBLISHED = [
    (models.cnn_2c2f, (28, 28, 1), 10, 166_406),
    (models.cnn_4c3f, (28, 28, 1), 10, 1_974_762),
    (models.cnn_6c2f, (32, 32, 3), 10, 2_250_378),
    (models.cnn_8c2f, (64, 64, 3), 200, 6_177_992),
]


@pytest.mark.parametrize("make, input_shape, classes, parameters", PUBLISHED)
@pytest.mark.parametrize("activation", ["minmax", "relu"])
def test_has_the_published_number_of_parameters(
    make, input_shape, classes, parameters, activation
):
    base = make(input_shape, classes, activation=activation)
    assert base.count_params() == parameters
    assert base.output_shape == (None, classes)


@pytest.mark.parametrize("make", [row[0] for row in PUBLISHED])
def test_name_says_how_many_layers_of_each_kind(make):
    base = make((16, 16, 3), 7)
    kinds = [type(layer).__name__ for layer in base.layers]
    convolutions, dense = kinds.count("Conv2D"), kinds.count("Dense")
    assert base.name == f"cnn_{convolutions}c{dense}f" == make.__name__


def test_an_activation_follows_every_layer_but_the_last():
    base = models.cnn_4c3f((8, 8, 1), 3)
    kinds = [type(layer).__name__ for layer in base.layers]
    assert kinds == [
        *(["Conv2D", "MinMax"] * 4),
        "Flatten",
        *(["Dense", "MinMax"] * 2),
        "Dense",
    ]
    assert base.layers[-1].activation is keras.activations.linear


@pytest.mark.multi_backend
@pytest.mark.parametrize("activation", ["minmax", "relu"])
@pytest.mark.parametrize("input_shape", [(5, 7, 2), (8, 8, 1)])
def test_takes_any_input_shape_and_class_count(input_shape, activation):
    base = models.cnn_2c2f(input_shape, 3, activation)
    logits = base(np.ones((2, *input_shape), "float32"))
    assert logits.shape == (2, 3)


def test_kernels_start_orthogonal_and_apart():
    base = models.cnn_4c3f((8, 8, 1), 10)
    kernels = [
        np.reshape(layer.kernel, (-1, layer.kernel.shape[-1]))
        for layer in base.layers
        if hasattr(layer, "kernel")
    ]
    for kernel in kernels:
        np.testing.assert_allclose(
            np.linalg.svd(kernel, compute_uv=False), 1.0, atol=1e-4
        )
    seeds = [
        layer.kernel_initializer.seed
        for layer in base.layers
        if hasattr(layer, "kernel")
    ]
    assert len(set(seeds)) == len(seeds)


def test_kernel_initializer_is_an_option():
    base = models.cnn_2c2f((8, 8, 1), 10, kernel_initializer="he_normal")
    assert isinstance(
        base.layers[0].kernel_initializer, keras.initializers.HeNormal
    )


def test_own_sizes():
    base = models.cnn((8, 8, 1), 4, convolutions=[(3, 6, 2)], units=[])
    assert base.count_params() == (9 * 6 + 6) + (16 * 6 * 4 + 4)


@pytest.mark.multi_backend
def test_the_whole_is_a_gloro_model_at_once():
    base = models.cnn_2c2f((8, 8, 1), 10)
    model = keras_lipschitz.GloroModel(base, epsilon=0.3)
    assert model.output_shape == (None, 11)


def test_survives_saving(tmp_path):
    base = models.cnn_2c2f((8, 8, 1), 10)
    base.save(tmp_path / "base.keras")
    loaded = keras.saving.load_model(tmp_path / "base.keras")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1))
    np.testing.assert_array_equal(loaded.predict(x), base.predict(x))


@pytest.mark.parametrize("input_shape", [(8, 8), (8, 8, None), (0, 8, 1)])
def test_refuses_a_shape_that_is_not_of_an_image(input_shape):
    with pytest.raises(ValueError, match="Received: input_shape="):
        models.cnn_2c2f(input_shape, 10)


def test_refuses_an_unknown_activation():
    with pytest.raises(ValueError, match="one of .*'minmax', 'relu'"):
        models.cnn_2c2f((8, 8, 1), 10, activation="swish")
