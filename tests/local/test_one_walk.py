"""A training step walks through the network once, also for margin losses."""

import keras
import numpy as np
import pytest
from keras import ops
from local_networks import data
from local_networks import network

import keras_lipschitz as kl
from keras_lipschitz.bounds.local.network import LocalNetwork
from keras_lipschitz.models import margin_training
from keras_lipschitz.ops.carried import carried

BACKEND = keras.backend.backend()
EPSILON, KAPPA, RATE = 0.4, 0.3, 0.5


def crossentropy(outputs, label):
    return np.log(np.sum(np.exp(outputs - outputs[label])))


def slow_worst_case(weights, x, y):
    """The mean loss of Dense, ReLU, Dense, with local norms by the SVD."""
    first, first_bias, last, last_bias = weights
    reach = EPSILON * np.linalg.norm(first, axis=0)
    losses = []
    for sample, label in zip(x, y, strict=True):
        center = sample @ first + first_bias
        varying = center + reach > 0
        norm = np.linalg.svd(first * varying, compute_uv=False)[0]
        logits = np.maximum(center, 0) @ last + last_bias
        difference = last - last[:, label][:, None]
        slack = EPSILON * norm * np.linalg.norm(difference, axis=0)
        losses.append(
            KAPPA * crossentropy(logits, label)
            + (1 - KAPPA) * crossentropy(logits + slack, label)
        )
    return np.mean(losses)


def slow_gradient(weights, x, y, step=1e-5):
    """By central differences."""
    gradients = [np.zeros_like(w) for w in weights]
    for weight, gradient in zip(weights, gradients, strict=True):
        for i in np.ndindex(weight.shape):
            value, ends = weight[i], []
            for sign in (1, -1):
                weight[i] = value + sign * step
                ends.append(slow_worst_case(weights, x, y))
            weight[i] = value
            gradient[i] = (ends[0] - ends[1]) / (2 * step)
    return gradients


@pytest.mark.multi_backend
def test_each_step_is_of_its_own_weights_and_batch():
    """Losses and gradients of two steps against a slow reference."""
    base = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, bias_initializer="normal"),
            keras.layers.ReLU(),
            keras.layers.Dense(3),
        ]
    )
    bound = kl.bounds.LocalLipschitz(steps=60, power_iterations=60)
    model = kl.GloroModel(base, 0.1, bound=bound, training_epsilon=EPSILON)
    model.compile(
        keras.optimizers.SGD(RATE),
        kl.losses.WorstCaseCrossentropy(KAPPA),
        metrics=["vra"],
        jit_compile=BACKEND == "jax",
    )
    random = np.random.default_rng(0)
    for _ in range(2):
        x = random.normal(size=(5, 4)).astype("float32")
        y = random.integers(0, 3, 5)
        before = [w.astype("float64") for w in base.get_weights()]
        loss = model.train_on_batch(x, y)[0]
        assert loss == pytest.approx(slow_worst_case(before, x, y), rel=1e-4)
        for old, new, gradient in zip(
            before, base.get_weights(), slow_gradient(before, x, y), strict=True
        ):
            np.testing.assert_allclose((old - new) / RATE, gradient, atol=1e-3)


class PerLogit(kl.losses.MarginLoss):
    slack_of = "logits"

    def margin_loss(self, logits, slack, is_label):
        worst = ops.where(is_label, slack - logits, slack + logits)
        return ops.sum(ops.square(worst), axis=1)


@pytest.fixture
def walks(monkeypatch):
    """A list that grows with every walk."""
    made, walk = [], LocalNetwork.walk
    monkeypatch.setattr(
        LocalNetwork, "walk", lambda *a: made.append(1) or walk(*a)
    )
    return made


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "loss, arguments",
    [
        ("emma", {"worst_case": "ball_and_box", "box_gradient": True}),
        (PerLogit(), {"steps": 2}),
        (kl.losses.CalibratedLipschitzMargin(0.2, 0.1), {}),
    ],
)
def test_one_walk_as_two(loss, arguments, walks, monkeypatch):
    """Losses and weights are those of a loss that walks again."""
    if BACKEND == "jax":
        pytest.skip("its compiler merges the two")
    x, y = data(16)
    counts, seen = [], []
    for again in (False, True):
        if again:
            monkeypatch.setattr(margin_training, "carried", lambda _: None)
        bound = kl.bounds.LocalLipschitz(**arguments)
        model = kl.GloroModel(network("relu"), 0.2, bound=bound)
        optimizer = keras.optimizers.SGD(0.1)
        model.compile(optimizer, loss, metrics=["vra"], jit_compile=False)
        values, made = [], []
        for batch in (slice(8), slice(8, 16)):
            before = len(walks)
            values.append(model.train_on_batch(x[batch], y[batch])[0])
            made.append(len(walks) - before)
        # TensorFlow walks as it traces; PyTorch in its first step also as it
        # builds.
        counts.append(made[BACKEND == "torch"])
        seen.append([*values, *model.base.get_weights()])
    # A radius of its own needs a walk of its own.
    own = isinstance(loss, kl.losses.CalibratedLipschitzMargin)
    assert counts == [1 + own, 2]
    for one, two in zip(*seen, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


@pytest.mark.multi_backend
def test_outputs_carry_their_own_walk_alone():
    if BACKEND == "jax":
        pytest.skip("its tracers carry nothing")
    x, _ = data(4)
    model = kl.GloroModel(
        network("relu"), 0.2, bound=kl.bounds.LocalLipschitz()
    )
    first, second = model(x, training=True), model(x, training=True)
    assert carried(first) is not None
    assert carried(first) is not carried(second)
    assert carried(ops.copy(first)) is None
    assert carried(model(x)) is None
    if BACKEND == "torch":
        import torch

        # In a checkpoint, which runs again for the gradient.
        with torch.no_grad():
            assert carried(model(x, training=True)) is None
