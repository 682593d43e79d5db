"""Losses of 1-Lipschitz networks, against slow float64 references."""

import json
import math

import keras
import numpy as np
import pytest
from keras import ops

import keras_lipschitz as kl
from keras_lipschitz import losses


def rivals_of(f, y):
    return [v for i, v in enumerate(f) if i != y]


def crossentropy(f, y):
    largest = max(f)
    return (
        largest + math.log(math.fsum(math.exp(v - largest) for v in f)) - f[y]
    )


def offset_crossentropy(f, y, offset, temperature):
    f = [v - offset * (i == y) for i, v in enumerate(f)]
    return temperature * crossentropy([v / temperature for v in f], y)


def multi_margin(f, y, margin):
    return math.fsum(
        max(margin - f[y] + v, 0.0) for v in rivals_of(f, y)
    ) / len(f)


def hkr(f, y, alpha, margin, rivals, temperature=1.0, penalty=1.0):
    if rivals == "lse":
        f = [temperature * v for v in f]
    others = rivals_of(f, y)
    if rivals == "lse":
        t = math.log(len(others)) / (margin * penalty / 2)
        rival = math.log(math.fsum(math.exp(t * v) for v in others)) / t
        hinge = max(margin / 2 + rival, 0.0)
    else:
        soft = temperature if rivals == "soft" else 0.0
        weights = [math.exp(soft * v) for v in others]
        weights = [w / sum(weights) for w in weights]
        pairs = list(zip(weights, others, strict=True))
        rival = sum(w * v for w, v in pairs)
        hinge = sum(w * max(margin / 2 + v, 0.0) for w, v in pairs)
    hinge += max(margin / 2 - f[y], 0.0)
    return (1 - alpha) * (rival - f[y]) + alpha * hinge


CASES = [
    (losses.OffsetCrossentropy, offset_crossentropy, (0.5, 0.25)),
    (losses.OffsetCrossentropy, offset_crossentropy, (0.0, 2.0)),
    (losses.MultiMargin, multi_margin, (0.7,)),
    (losses.HKR, hkr, (0.9, 1.0, "soft", 3.0)),
    (losses.HKR, hkr, (0.0, 0.5, "mean")),
    (losses.HKR, hkr, (1.0, 2.0, "lse", 0.5, 2.0)),
]


@pytest.mark.multi_backend
@pytest.mark.parametrize("loss_class, reference, arguments", CASES)
def test_values(loss_class, reference, arguments):
    random = np.random.default_rng(0)
    f = random.normal(size=(40, 4)) * 2
    y = random.integers(0, 4, 40)
    truth = [reference(list(f[i]), y[i], *arguments) for i in range(40)]
    outputs = f.astype("float32")
    plain = loss_class(*arguments, bottom=False, reduction="none")
    values = ops.convert_to_numpy(plain(y, outputs))
    np.testing.assert_allclose(values, truth, rtol=1e-5, atol=1e-5)
    one_hot = ops.convert_to_numpy(plain(np.eye(4)[y], outputs))
    np.testing.assert_array_equal(one_hot, values)
    # What follows the logits of a GloroModel changes nothing.
    loss = loss_class(*arguments, reduction="none")
    bottom = np.concatenate([outputs, np.full((40, 1), np.inf)], axis=1)
    with_bottom = loss(y, bottom.astype("float32"))
    np.testing.assert_array_equal(ops.convert_to_numpy(with_bottom), values)
    config = json.loads(json.dumps(keras.losses.serialize(loss)))
    revived = keras.losses.deserialize(config)
    assert revived.get_config() == loss.get_config()
    assert np.isnan(ops.convert_to_numpy(plain(np.full(40, 4), outputs))).all()
    extreme = plain(y, outputs * np.float32(1e30))
    assert np.isfinite(ops.convert_to_numpy(extreme)).all()


def network():
    base = keras.Sequential(
        [
            keras.Input((4,)),
            kl.layers.AOLDense(8),
            kl.layers.MinMax(),
            kl.layers.NormalizedDense(3),
        ]
    )
    return kl.GloroModel(base, epsilon=0.1)


def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(90, 4)).astype("float32")
    return x, (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0.5)


@pytest.mark.parametrize(
    "name",
    [
        "offset_crossentropy",
        "multi_margin",
        "hkr",
        "certificate_regularization",
    ],
)
def test_training_by_name(name):
    model = network()
    model.compile(
        keras.optimizers.Adam(0.03), name, metrics=["vra"], run_eagerly=True
    )
    history = model.fit(*data(), epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert np.isfinite(history["loss"]).all()


def test_certificate_regularization_rewards_the_certified_radius():
    model = network()
    x, y = data()
    weight = 2.0
    values = []
    for loss in ("certificate_regularization", "offset_crossentropy"):
        arguments = (
            {"weight": weight}
            if loss == "certificate_regularization"
            else {"offset": 0.0, "temperature": 1.0}
        )
        model.compile("sgd", losses.get(loss, **arguments))
        values.append(model.evaluate(x, y, verbose=0))
    labels, radii = model.predict_certified(x)
    logits = model.predict(x, verbose=0)[:, :-1]
    gained = np.where(logits.argmax(axis=1) == y, radii, 0.0).mean()
    assert values[1] - values[0] == pytest.approx(weight * gained, rel=1e-3)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: losses.HKR(rivals="max"), "one of"),
        (lambda: losses.HKR(alpha=2.0), "from 0 to 1"),
        (
            lambda: losses.OffsetCrossentropy(temperature=0.0),
            "larger than zero",
        ),
        (lambda: losses.MultiMargin(-1.0), "larger than zero"),
        (lambda: losses.CertificateRegularization(-1.0), "zero or more"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
