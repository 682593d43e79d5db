"""A small classifier and data that it learns in a second."""

import keras
import numpy as np

import keras_lipschitz as kl


def small_classifier(classes=3, activation=None):
    """A classifier of 6x6 images with every kind of layer that matters."""
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same"),
            kl.layers.MinMax(),
            kl.layers.LipschitzConv2D(4, 2),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            kl.layers.LipschitzDense(8),
            kl.layers.MinMax(),
            keras.layers.Dense(classes, activation=activation),
        ],
        name="base",
    )


def small_data(samples=96, classes=3, seed=0):
    """Images of a bright row whose position is the label, with noise."""
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, samples)
    x = 0.2 * random.random((samples, 6, 6, 1))
    x[np.arange(samples), 2 * y] += 0.7
    return x.astype("float32"), y.astype("int64")
