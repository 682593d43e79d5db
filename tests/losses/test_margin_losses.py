"""Losses that see the slack, against their definitions."""

import functools
import json

import keras
import numpy as np
import pytest
import slow_margin_losses as slow
from backend_gradient import value_and_gradient
from keras import ops

import keras_lipschitz as kl

CLL = functools.partial(kl.losses.CalibratedLipschitzMargin, 0.3, p=0.05)
LOSSES = {
    "emma": (kl.losses.Emma, slow.emma),
    "emma_floor": (
        functools.partial(kl.losses.Emma, floor=0.3),
        functools.partial(slow.emma, floor=0.3),
    ),
    "lmt": (kl.losses.LipschitzMarginTraining, slow.lmt),
    "label_margin": (kl.losses.LabelMarginCrossentropy, slow.label_margin),
    "annealing": (kl.losses.LogitAnnealing, slow.annealing),
    "cll": (
        functools.partial(CLL, regularization=0.1, constant_scale=0.5),
        functools.partial(
            slow.cll_pairwise, epsilon=0.3, p=0.05, weight=0.1, scale=0.5
        ),
    ),
    "cll_one_epsilon": (
        functools.partial(CLL, offset=1.0),
        functools.partial(slow.cll_pairwise, epsilon=0.3, p=0.05, offset=1.0),
    ),
    "cll_per_logit": (
        functools.partial(CLL, form="per_logit", regularization=0.1),
        functools.partial(slow.cll_per_logit, epsilon=0.3, p=0.05, weight=0.1),
    ),
}
SHARED = ("emma", "emma_floor", "annealing")
CLASSES = 4
every_loss = pytest.mark.parametrize("name", LOSSES)
multi_backend = pytest.mark.multi_backend


def samples(count=20, seed=0):
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(count, CLASSES))
    slack = random.uniform(0.05, 1.5, size=(count, CLASSES))
    return random.integers(0, CLASSES, count), np.hstack([logits, slack])


def reference(name, labels, outputs):
    return np.array(
        [
            LOSSES[name][1](row[:CLASSES].tolist(), row[CLASSES:].tolist(), y)
            for row, y in zip(outputs, labels, strict=True)
        ]
    )


def values_of(loss, labels, outputs):
    return ops.convert_to_numpy(loss(labels, outputs.astype("float32")))


@every_loss
@multi_backend
def test_values_gradients_labels_and_bad_labels(name):
    labels, outputs = samples()
    loss = LOSSES[name][0](reduction="none")
    expected = reference(name, labels, outputs)
    given = outputs.copy()
    if loss.slack_of == "margins":
        # Nothing may depend on the slack of the label itself: bounds give 0.
        given[np.arange(20), CLASSES + labels] = 0.0
    values, gradient = value_and_gradient(lambda x: loss(labels, x), given)
    np.testing.assert_allclose(values, expected, rtol=5e-6, atol=5e-6)

    slope = np.zeros_like(outputs)
    # The share of EMMA is held constant as the logits move: see below.
    if name not in SHARED:
        for column in range(CLASSES):
            step = np.zeros_like(outputs)
            step[:, column] = 1e-5
            ahead = reference(name, labels, outputs + step)
            behind = reference(name, labels, outputs - step)
            slope[:, column] = (ahead - behind) / 2e-5
        np.testing.assert_allclose(
            gradient[:, :CLASSES], slope[:, :CLASSES], rtol=1e-3, atol=1e-4
        )

    one_hot = values_of(loss, np.eye(CLASSES)[labels], outputs)
    np.testing.assert_array_equal(one_hot, values_of(loss, labels, outputs))
    for bad in (-1.0, 4.0, np.nan, 0.5):
        given = labels.astype("float64")
        given[3] = bad
        isnan = np.isnan(values_of(loss, given, outputs))
        np.testing.assert_array_equal(isnan, np.arange(20) == 3)


def test_what_carries_a_gradient():
    labels, outputs = samples(1)
    outputs[0] = [1.0, 0.0, 0.5, -4.0, 9.0, 2.0, 0.25, 0.5]
    label = np.array([0])
    _, gradient = value_and_gradient(
        lambda x: kl.losses.Emma(reduction="none")(label, x), outputs
    )
    # Shares 0.5, 1 and 1 of the slack: outputs 0, 0, -0.25, -4.5.
    u = np.array([0.0, 0.0, -0.25, -4.5])
    p = np.exp(u) / np.exp(u).sum()
    np.testing.assert_allclose(
        gradient[0],
        [-p[1:].sum(), *p[1:], 0, 0.5 * p[1], p[2], p[3]],
        rtol=1e-4,
        atol=1e-6,
    )
    for arguments, moved in (({}, False), ({"detach": False}, True)):
        loss = CLL(reduction="none", **arguments)
        _, gradient = value_and_gradient(lambda x, f=loss: f(label, x), outputs)
        assert np.any(gradient[0, 5:]) == moved
        assert gradient[0, 4] == 0
    loss = CLL(reduction="none", regularization=2.0)
    _, gradient = value_and_gradient(lambda x: loss(label, x), outputs)
    # Of 2 (2.0 / 0.3)^2, the largest slack that is not the label's.
    np.testing.assert_allclose(
        gradient[0, 4:], [0, 8.0 / 0.09, 0, 0], rtol=1e-5
    )


@pytest.mark.parametrize(
    "epsilon, p, steepness",
    [(0.5, 0.01, 10.6), (1.0, 0.025, 4.4), (0.15, 0.3, 11.6)],
)
def test_sigma_of_the_paper_and_what_it_means(epsilon, p, steepness):
    """The constants of the published models, as slopes of the loss."""
    loss = kl.losses.CalibratedLipschitzMargin(
        epsilon, p, offset=1.0, reduction="none"
    )
    assert round(1 / loss.sigma, 1) == steepness
    assert loss.sigma == pytest.approx(epsilon / np.log((2 - p) / p), rel=1e-6)
    # Two classes, margin constant 3: the logit of the label's probability
    # moves by 1 / sigma for every unit of radius, and is zero at epsilon.
    constant, radii = 3.0, np.array([0.0, epsilon, 2 * epsilon])
    outputs = np.zeros((3, 4))
    outputs[:, 0] = constant * radii
    outputs[:, 3] = constant * epsilon
    values = values_of(loss, np.zeros(3), outputs)
    logit = -np.log(np.expm1(values))
    np.testing.assert_allclose(
        logit, (radii - epsilon) / loss.sigma, rtol=1e-3, atol=1e-3
    )


def test_offset_is_where_the_loss_is_indifferent():
    """Of pairwise margins and of logits, by default and as asked for."""
    epsilon, constants = 0.3, np.array([0.5, 2.0])
    for form, offset, decides_at in (
        ("pairwise", None, 2.0),
        ("pairwise", 1.0, 1.0),
        ("per_logit", None, 1.0),
        ("per_logit", 0.5, 0.5),
    ):
        loss = CLL(form=form, offset=offset)
        radius = decides_at * epsilon
        if form == "pairwise":
            slack, logits = [9.0, 2.0 * epsilon], [2.0 * radius, 0.0]
        else:
            # Each logit moves by its own constant times the radius.
            slack = constants * epsilon
            logits = constants * radius * [1, -1]
        value = values_of(loss, np.zeros(1), np.array([[*logits, *slack]]))
        assert value == pytest.approx(np.log(2.0), rel=1e-5)


@every_loss
def test_extreme_values_and_reductions(name):
    labels, outputs = samples()
    outputs[:, :CLASSES] *= 1e3
    outputs[0, CLASSES:] = 0.0 if "cll" not in name else 1e-6
    outputs[1, :CLASSES] = 0.0
    loss = LOSSES[name][0](reduction="none")
    values, gradient = value_and_gradient(lambda x: loss(labels, x), outputs)
    assert np.isfinite(values).all() and np.isfinite(gradient).all()
    labels, outputs = samples()
    weight = np.linspace(0, 2, 20)
    loss = LOSSES[name][0]()
    value = ops.convert_to_numpy(
        loss(labels, outputs.astype("float32"), weight)
    )
    expected = np.mean(weight * reference(name, labels, outputs))
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_objects():
    names = {
        "emma": kl.losses.Emma,
        "lmt": kl.losses.LipschitzMarginTraining,
        "lipschitz_margin_training": kl.losses.LipschitzMarginTraining,
        "label_margin_crossentropy": kl.losses.LabelMarginCrossentropy,
        "logit_annealing": kl.losses.LogitAnnealing,
    }
    for name, kind in names.items():
        assert type(kl.losses.get(name)) is kind
    loss = kl.losses.get("cll", epsilon=0.15, p=0.3)
    assert round(1 / loss.sigma, 1) == 11.6
    with pytest.raises(ValueError, match="'cll' does not take.*epsilon"):
        kl.losses.get("cll")
    with pytest.raises(ValueError, match="Expected one of.*mse"):
        kl.losses.get("mse", epsilon=1.0)
    labels, outputs = samples(4)
    for make, _ in LOSSES.values():
        loss = make(reduction="sum", name="mine")
        for number in loss.numbers:
            setattr(loss, number, 0.25)
        config = json.loads(json.dumps(keras.losses.serialize(loss)))
        twin = keras.losses.deserialize(config)
        assert twin.get_config() == loss.get_config()
        assert values_of(twin, labels, outputs) == values_of(
            loss, labels, outputs
        )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"p": 0.0}, "`p` should be a probability"),
        ({"p": 1.0}, "`p` should be a probability"),
        ({"p": 1 - 1e-12}, "`p` should be a probability"),
        ({"p": float("nan")}, "`p` should be a probability"),
        ({"epsilon": 0.0}, "`epsilon` should be.*larger than zero"),
        ({"epsilon": -1}, "`epsilon` should be.*larger than zero"),
        ({"constant_scale": 0}, "`constant_scale` should be"),
        ({"form": "both"}, "`form` should be one of"),
        ({"offset": -1}, "`offset` should be"),
        ({"regularization": "1"}, "`regularization` should be"),
    ],
)
def test_bad_arguments_of_cll(arguments, message):
    with pytest.raises(ValueError, match=message + ".*Received"):
        kl.losses.CalibratedLipschitzMargin(
            **{"epsilon": 0.1, "p": 0.1, **arguments}
        )


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="`floor` should be.*Received"):
        kl.losses.Emma(floor=1.5)
    with pytest.raises(ValueError, match="`power` should be.*Received"):
        kl.losses.LogitAnnealing(power=0.5)
    with pytest.raises(ValueError, match="Compile a GloroModel"):
        kl.losses.Emma()(np.zeros(2), np.zeros((2, 5)))
    loss = CLL()
    with pytest.raises(ValueError, match="`p` should be"):
        loss.p = 2.0
