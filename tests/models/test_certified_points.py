"""No attack may break a point that is certified."""

import keras
import numpy as np
import pytest


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 1.2])
def test_projected_gradient_never_breaks_a_certified_point(
    trained, data, epsilon
):
    x, _ = data
    _, radii = trained.predict_certified(x)
    label = trained.base.predict(x, verbose=0).argmax(axis=1)
    worst = attack(trained.base, x, label, epsilon)
    broken = worst.argmax(axis=1) != label
    assert not np.any(broken & (radii > epsilon))
    # The attack is a real one: it breaks points outside the certificate.
    assert epsilon < 1.2 or np.any(broken)


def attack(base, x, label, epsilon, steps=40):
    """Projected gradient ascent on the margin in the l2 ball."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    start = 0.1 * epsilon * random.normal(size=x.shape)
    delta = tf.Variable(start, dtype="float32")
    hot = tf.one_hot(label, 3)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            logits = base(x + delta)
            other = tf.reduce_max(logits - 1e9 * hot, axis=1)
            margin = tf.reduce_sum(logits * hot, axis=1) - other
        gradient = tape.gradient(margin, delta)
        delta.assign_sub(0.2 * epsilon * unit(gradient))
        length = tf.maximum(norm(delta), 1e-12)
        delta.assign(delta * tf.minimum(1.0, 0.9999 * epsilon / length))
    return keras.ops.convert_to_numpy(base(x + delta))


def norm(x):
    import tensorflow as tf

    return tf.sqrt(tf.reduce_sum(x**2, axis=[1, 2, 3], keepdims=True))


def unit(x):
    import tensorflow as tf

    return x / tf.maximum(norm(x), 1e-12)
