"""Networks whose rounding is known, and searches for what it breaks."""

import keras
import numpy as np

import keras_lipschitz as kl
from keras_lipschitz.certification.certify import certify
from keras_lipschitz.certification.decisions.decider import Decider
from keras_lipschitz.certification.formats import SINGLE


def classifier(layers, weights=None, shape=None):
    """A Sequential model with given weights."""
    if shape is None:
        shape = (np.shape(weights[0])[0],)
    base = keras.Sequential([keras.Input(shape), *layers])
    if weights is not None:
        base.set_weights([np.asarray(w, "float32") for w in weights])
    return base


def linear_classifier(kernel):
    kernel = np.asarray(kernel, "float32")
    layer = keras.layers.Dense(kernel.shape[1], use_bias=False)
    return classifier([layer], [kernel])


def two_weights():
    """Two classes whose weights differ in the last place."""
    return linear_classifier([[0.9890594482421875, 0.989059507846832275390625]])


TWO_WEIGHTS_INPUT = np.array([[0.19721232]], "float32")


def dense_network(seed=0, inputs=6, units=16, classes=3, activation="minmax"):
    keras.utils.set_random_seed(seed)
    kinds = {"minmax": kl.layers.MinMax, "relu": keras.layers.ReLU}
    return classifier(
        [
            keras.layers.Dense(units, bias_initializer="normal"),
            kinds[activation](),
            keras.layers.Dense(units, bias_initializer="normal"),
            kinds[activation](),
            keras.layers.Dense(classes, bias_initializer="normal"),
        ],
        shape=(inputs,),
    )


def clusters(samples=300, inputs=6, classes=3, seed=0):
    """Points around one centre for each class."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((classes, inputs))
    y = random.integers(0, classes, samples)
    x = centres[y] + 0.3 * random.standard_normal((samples, inputs))
    return x.astype("float32"), y


def trained_network(seed=0):
    """A small network that learned `clusters`, and its data."""
    base = dense_network(seed)
    model = kl.GloroModel(base, 0.2)
    model.compile(keras.optimizers.Adam(1e-2), loss="gloro_crossentropy")
    x, y = clusters()
    model.fit(x, y, epochs=20, batch_size=32, verbose=0)
    return base, x, y


def with_compensated_bias(base, size, penultimate=True):
    """The same function in exact arithmetic, up to the biases' own rounding.

    `size` is added to every bias of a hidden layer and taken off again behind
    it: `MinMax` lets it pass.
    """
    w1, b1, w2, b2, w3, b3 = (w.astype("float64") for w in base.get_weights())
    if penultimate:
        b2, b3 = b2 + size, b3 - size * w3.sum(axis=0)
    else:
        b1, b2 = b1 + size, b2 - size * w2.sum(axis=0)
    copy = keras.models.clone_model(base)
    copy.set_weights([w1, b1, w2, b2, w3, b3])
    return copy


def decider(base, level):
    """Certifies a network at a level; returns what decides."""
    bound = kl.bounds.GlobalLipschitz()
    bound.attach(base)
    certificate = certify(bound, "", level)
    return Decider(certificate, base, bound.composition)


def track(base, x, form=SINGLE):
    """Dict from tensor index to what is known of it, below the head."""
    decide = decider(base, "R")
    decide.deviation.deployed = decide.head.deployed = form
    start = decide.deviation.start(np.asarray(x, "float64"))
    return decide, decide.graph.walk(
        decide.deviation.step, start, skip=decide.network.head
    )


def float32_logits(base, x):
    return keras.ops.convert_to_numpy(base(np.asarray(x, "float32")))


def exact_logits(base, x):
    """Logits of a stack of Dense layers and MinMax or ReLU, in fractions."""
    from fractions import Fraction

    exact = np.vectorize(Fraction, otypes=[object])
    value = exact(np.asarray(x, "float64"))
    for layer in base.layers:
        if isinstance(layer, keras.layers.Dense):
            kernel = exact(np.asarray(layer.kernel, "float64"))
            value = value.dot(kernel)
            if layer.use_bias:
                value = value + exact(np.asarray(layer.bias, "float64"))
        elif isinstance(layer, keras.layers.ReLU):
            value = np.where(value > 0, value, Fraction(0))
        else:
            a, b = np.split(value, 2, axis=-1)
            value = np.concatenate(
                [np.where(a < b, a, b), np.where(a < b, b, a)], axis=-1
            )
    return value


def float32_flip(base, x, label, radius, seed=0, tries=4000):
    """An input in the ball that float32 does not give to `label` alone.

    Tries random float32 points, at all distances. Returns the point and its
    exact squared distance, or `None`.
    """
    from fractions import Fraction

    random = np.random.default_rng(seed)
    directions = random.standard_normal((tries, *x.shape))
    directions /= np.linalg.norm(directions.reshape(tries, -1), axis=1).reshape(
        -1, *[1] * x.ndim
    )
    lengths = radius * (1 - 1e-6) * random.random((tries, *[1] * x.ndim))
    points = (x + lengths * directions).astype("float32")
    logits = float32_logits(base, points)
    others = np.delete(logits, label, axis=1).max(axis=1)
    for i in np.flatnonzero(others >= logits[:, label]):
        squared = sum(
            (Fraction(float(a)) - Fraction(float(b))) ** 2
            for a, b in zip(points[i].ravel(), x.ravel(), strict=True)
        )
        if squared <= Fraction(float(radius)) ** 2:
            return points[i], squared
    return None
