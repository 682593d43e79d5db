import pathlib

import keras
import numpy as np
import pytest

from keras_lipschitz.bounds import intervals

layers = keras.layers
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
X = np.random.default_rng(0).normal(size=(7, 6, 6, 2)).astype("float32")


@pytest.fixture
def normalized(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import normalized_conv2d

    return normalized_conv2d


@pytest.fixture
def network(normalized):
    """A normalized convolution that has seen a batch, and a last layer."""
    keras.utils.set_random_seed(0)
    normal = keras.initializers.RandomNormal(stddev=0.5)
    network = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            normalized.NormalizedConv2D(
                4, 3, 2, bias_initializer=normal, activation="relu"
            ),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    layer = network.layers[0]
    layer.scale.assign([0.5, -1.0, 1.5, 2.0])
    network(X, training=True)
    return network


@pytest.mark.multi_backend
def test_normalizes_as_keras_does(network):
    layer = network.layers[0]
    convolution = layers.Conv2D(4, 3, 2, use_bias=False)
    normalization = layers.BatchNormalization(momentum=0.95, epsilon=1e-5)
    normalization(convolution(X))
    convolution.set_weights([keras.ops.convert_to_numpy(layer.kernel)])
    normalization.set_weights(
        [
            keras.ops.convert_to_numpy(weight)
            for weight in (
                layer.scale,
                layer.bias,
                layer.moving_mean,
                layer.moving_variance,
            )
        ]
    )
    for training in (True, False):
        expected = normalization(convolution(X), training=training)
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(layer(X, training=training)),
            np.maximum(keras.ops.convert_to_numpy(expected), 0.0),
            atol=1e-5,
        )


@pytest.mark.multi_backend
def test_a_plain_network_answers_the_same(network, normalized, tmp_path):
    plain = normalized.plain(network)
    assert type(plain.layers[0]) is layers.Conv2D
    expected = network.predict(X, verbose=0)
    np.testing.assert_allclose(plain.predict(X, verbose=0), expected, atol=1e-5)
    network.save_weights(tmp_path / "network.weights.h5")
    loaded = keras.models.clone_model(network)
    loaded.load_weights(tmp_path / "network.weights.h5")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), expected)


@pytest.mark.multi_backend
def test_boxes_in_training_are_of_the_statistics_of_the_batch(network):
    layer = network.layers[0]
    rule = intervals.interval_rule_of(layer, "layer", training=True)
    box = rule(layer, intervals.Box(X - 0.1, X + 0.1))
    lower, upper = map(keras.ops.convert_to_numpy, (box.lower, box.upper))
    # The images of the batch, whose statistics the layer knows.
    answers = keras.ops.convert_to_numpy(layer(X, training=True))
    middle = keras.ops.convert_to_numpy((box.lower + box.upper) / 2)
    positive = lower > 0
    assert positive.any()
    np.testing.assert_allclose(answers[positive], middle[positive], atol=1e-5)
    assert np.all(lower <= answers + 1e-5) and np.all(answers <= upper + 1e-5)
