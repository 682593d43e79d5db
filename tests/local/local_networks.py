"""Small networks with every layer that the ball and box treat specially."""

import functools

import keras
import numpy as np

import keras_lipschitz as kl

L = keras.layers
SHAPE = (6, 6, 2)


def convolutional(activate):
    return [
        L.Conv2D(6, 3, strides=2, padding="same", bias_initializer="normal"),
        activate(),
        L.Conv2D(4, 2, bias_initializer="normal"),
        activate(),
        L.Flatten(),
        L.Dense(10, bias_initializer="normal"),
        activate(),
        L.Dense(3),
    ]


def residual():
    x = keras.Input(SHAPE)
    y = L.Conv2D(4, 3, activation="relu", bias_initializer="normal")(x)
    y = L.MaxPooling2D(2)(L.Dropout(0.5)(y))
    y = L.BatchNormalization()(y)
    shared = L.Conv2D(4, 3, padding="same", activation="leaky_relu")
    y = L.Add()([y, shared(L.ReLU()(shared(y)))])
    y = L.Dense(6, activation="gelu")(y)
    y = kl.layers.GroupSort(3)(y)
    y = L.Reshape((-1,))(y)
    y = L.Dense(8, activation="relu", bias_initializer="normal")(y)
    return keras.Model(x, L.Dense(3)(y))


def constant(value):
    return keras.initializers.Constant(value)


NETWORKS = {
    "relu": lambda: convolutional(L.ReLU),
    "relu_theta": lambda: convolutional(
        lambda: kl.layers.ReLUTheta(constant(0.3))
    ),
    "minmax": lambda: convolutional(kl.layers.MinMax),
    "clipped_minmax": lambda: convolutional(
        lambda: kl.layers.ClippedMinMax(constant(-0.2), constant(0.2))
    ),
    "residual": residual,
}


def network(name, seed=0):
    keras.utils.set_random_seed(seed)
    made = NETWORKS[name]()
    if isinstance(made, list):
        made = keras.Sequential([keras.Input(SHAPE), *made])
    return made


def bound_of(base, **arguments):
    """An attached bound whose global estimates have converged."""
    bound = kl.bounds.LocalLipschitz(**{"evaluation_steps": 100, **arguments})
    bound.attach(base)
    advance = functools.partial(bound.estimated_norms, advance=True)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        advance = tf.function(advance)
    for _ in range(60):
        advance()
    return bound


def inputs(samples=4, seed=1):
    random = np.random.default_rng(seed)
    return random.normal(size=(samples, *SHAPE)).astype("float32")


def data(samples=48):
    """Images of three classes, which differ in the row that is brighter."""
    random = np.random.default_rng(0)
    y = random.integers(0, 3, samples)
    x = 0.3 * random.normal(size=(samples, *SHAPE))
    x[np.arange(samples), 2 * y] += 0.7
    return x.astype("float32"), y


def in_ball(x, epsilon, samples, seed=2):
    """Points within `epsilon` of `x`, most of them at its surface."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(samples, *x.shape))
    # Some move few entries far.
    steps *= random.random(steps.shape) < random.random((samples, 1, 1, 1))
    lengths = np.sqrt((steps**2).sum(axis=(1, 2, 3), keepdims=True))
    steps *= epsilon / np.maximum(lengths, 1e-9)
    return (x + steps).astype("float32")


def values_of(bound, x):
    """Dict from tensor index to values, for a batch of inputs."""
    from keras_lipschitz.propagation.local.regions import value_of

    return bound.graph.walk(value_of, keras.ops.convert_to_tensor(x))
