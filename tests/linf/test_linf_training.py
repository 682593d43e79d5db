"""Training nets of l_inf distances: losses, annealing, measured means."""

import math
import warnings

import keras
import numpy as np
import pytest
from slow_linf import optimizer
from slow_linf import shaken
from slow_linf import small_images
from slow_linf import small_net
from slow_linf import to_numpy

import keras_lipschitz as kl

multi_backend = pytest.mark.multi_backend


def slow_crossentropy(f, y):
    return np.log(np.sum(np.exp(f - f[y])))


def slow_hinge(f, s, y, mix):
    reach = [max(f[i] + s[i] - f[y], 0) for i in range(len(f)) if i != y]
    return mix * max(reach) + (1 - mix) * sum(reach) / len(f)


def slow_clipped(f, s, y, weight, scale):
    shares = [(f[i] + s[i] - f[y]) / s[i] for i in range(len(f)) if i != y]
    hinge = max(min(max(share, 0), 1) for share in shares)
    return weight * slow_crossentropy(scale * f, y) + hinge


def slow_generalized(f, y, q):
    p = np.exp(f[y]) / np.sum(np.exp(f))
    return (1 - p**q) / q if q else -np.log(p)


def slow_worst(f, s, y, kappa, q=0):
    worst = f + s
    worst[y] = f[y]
    clean = slow_generalized(f, y, q)
    return kappa * clean + (1 - kappa) * slow_generalized(worst, y, q)


LOSSES = [
    ("margin_hinge", {"mix": 0.75}, slow_hinge),
    ("clipped_hinge", {"weight": 0.3, "scale": 2.5}, slow_clipped),
    ("worst_case_crossentropy", {"kappa": 0.25}, slow_worst),
    ("worst_case_crossentropy", {"kappa": 0.25, "q": 0.7}, slow_worst),
    ("worst_case_crossentropy", {"kappa": 0.0, "q": 1.0}, slow_worst),
]


@multi_backend
@pytest.mark.parametrize("name, arguments, slow", LOSSES)
def test_losses_are_what_they_say(name, arguments, slow):
    loss = kl.losses.get(name, reduction="none", **arguments)
    random = np.random.default_rng(0)
    f = 3 * random.normal(size=(40, 4))
    s = random.uniform(0.1, 3.0, (40, 4))
    y = random.integers(0, 4, 40)
    given = np.concatenate([f, s], axis=1).astype("float32")
    expected = [slow(f[i], s[i], y[i], **arguments) for i in range(len(y))]
    np.testing.assert_allclose(
        to_numpy(loss(y, given)), expected, rtol=1e-5, atol=1e-6
    )
    config = loss.get_config()
    again = type(loss).from_config(config)
    assert again.get_config() == config
    assert math.isnan(to_numpy(loss(np.array([4]), given[:1]))[0])
    # Where slack and margins vanish, value and gradient are finite.
    zero = to_numpy(loss(np.array([0]), np.zeros((1, 8), "float32")))
    assert np.isfinite(zero).all()


def test_generalized_crossentropy_gives_up_on_what_is_lost():
    hopeless = np.array([[0.0, 900.0, 0.0, 0.0]], "float32")
    loss = kl.losses.WorstCaseCrossentropy(None, q=0.5)
    assert float(loss(np.array([0]), hopeless)) == pytest.approx(2.0)
    for bad in (-0.1, 1.1, math.nan, "a"):
        with pytest.raises(ValueError, match="`q` should be.*from 0 to 1"):
            kl.losses.WorstCaseCrossentropy(q=bad)


def test_worst_case_alone_has_no_share_to_move():
    loss = kl.losses.WorstCaseCrossentropy(kappa=None)
    given = np.array([[2.0, 1.0, 0.0, 0.5]], "float32")
    expected = slow_worst(given[0, :2], given[0, 2:], 0, 0.0)
    again = type(loss).from_config(loss.get_config())
    assert again.get_config() == loss.get_config()
    for one in (loss, again):
        assert float(one(np.array([0]), given)) == pytest.approx(expected)
    model = kl.GloroModel(small_net(), 0.05, bound=kl.bounds.IntervalBound())
    model.compile(optimizer(), loss=loss)
    x, y = small_images()
    schedule = kl.callbacks.LossSchedule("kappa", 1.0, 0.0)
    with pytest.raises(ValueError, match="'kappa'.*variable of that name"):
        model.fit(x, y, callbacks=[schedule], verbose=0)


@multi_backend
def test_annealing_moves_all_layers_and_the_weight_of_the_loss():
    model = kl.GloroModel(small_net(), 0.05, norm="inf")
    model.compile(optimizer(), loss="clipped_hinge")
    annealing = kl.callbacks.PNormAnnealing(
        8, 1000, begin_at=0.2, reached_at=0.7, loss_weight=(0.1, 0.001)
    )
    annealing.set_model(model)
    annealing.set_params({"epochs": 5, "steps": 4})
    annealing.on_train_begin()
    layers = [x for x in model.base.layers if hasattr(x, "p_variable")]
    for step in range(20):
        epoch, batch = divmod(step, 4)
        logs = {}
        if batch == 0:
            annealing.on_epoch_begin(epoch)
        annealing.on_train_batch_begin(batch)
        way = min(max((step / 19 - 0.2) / 0.5, 0), 1)
        norm = pytest.approx(8 * 125**way if way < 1 else math.inf, rel=1e-6)
        weight = pytest.approx(0.1 * 0.01**way, rel=1e-5)
        assert all(layer.p == norm for layer in layers)
        assert float(to_numpy(model.loss.weight)) == weight
        annealing.on_train_batch_end(batch, logs)
        assert logs == {"p": norm, "loss_weight": weight}
    annealing.on_epoch_end(4, logs)
    assert logs == {"p": math.inf, "loss_weight": pytest.approx(0.001)}


def test_annealing_begins_again_where_a_run_was():
    annealing = kl.callbacks.PNormAnnealing(8, 1000, reached_at=0.9)
    assert annealing.value_at(0.0) == 8
    assert annealing.value_at(0.45) == pytest.approx(math.sqrt(8000))
    assert annealing.value_at(0.8999999) == pytest.approx(1000, rel=1e-5)
    assert annealing.value_at(0.9) == math.inf


@pytest.mark.parametrize(
    "arguments",
    [
        {"start": 0.5},
        {"start": 10, "end": 8},
        {"end": math.inf},
        {"reached_at": 1.5},
        {"loss_weight": (0.1, 0.0)},
    ],
)
def test_bad_annealing(arguments):
    with pytest.raises(ValueError, match="Received"):
        kl.callbacks.PNormAnnealing(**arguments)


def check(model, annealing):
    annealing.set_model(model)
    annealing.check_model()


def test_annealing_looks_at_the_model_and_its_optimizer():
    annealing = kl.callbacks.PNormAnnealing()
    weighted = kl.callbacks.PNormAnnealing(loss_weight=(0.1, 0.01))
    model = kl.GloroModel(small_net(), 0.05, norm="inf")
    model.compile("adam", loss="margin_hinge")
    with pytest.warns(UserWarning, match="beta_2=0.99, epsilon=1e-10"):
        check(model, annealing)
    model.compile(optimizer(), loss="margin_hinge")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        check(model, annealing)
    with pytest.raises(ValueError, match="ClippedHinge"):
        check(model, weighted)
    dense = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="without such layers"):
        check(kl.GloroModel(dense, 0.05), annealing)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    model = kl.GloroModel(
        small_net(units=(16,)), 0.05, norm="inf", training_epsilon=0.1
    )
    loss = kl.losses.ClippedHinge(weight=1.0)
    model.compile(optimizer(), loss=loss, metrics=["vra"])
    x, y = small_images()
    steer = [
        kl.callbacks.PNormAnnealing(loss_weight=(1.0, 0.01)),
        kl.callbacks.MeanShiftUpdate(x),
        kl.callbacks.LearningRateDecay(0.0, shape="cosine", begin_at=0.0),
    ]
    history = model.fit(
        x,
        y,
        32,
        epochs=30,
        validation_data=(x, y),
        verbose=0,
        callbacks=steer,
    ).history
    return model, history


@multi_backend
def test_training_learns_to_certify(trained):
    model, history = trained
    x, y = small_images(seed=1)
    assert history["val_vra"][-1] > 0.9
    assert history["p"][0] < 10 and history["p"][-1] == math.inf
    labels, radii = model.predict_certified(x)
    assert np.mean(labels == y) > 0.9
    assert np.median(radii) > 0.07
    # The scale of the cross-entropy has learned too.
    assert abs(model.loss.scale - 1.0) > 0.01


@multi_backend
def test_learned_scale_is_saved(trained, tmp_path):
    model, _ = trained
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.loss.scale == pytest.approx(model.loss.scale)
    norms = [x.p for x in loaded.base.layers if hasattr(x, "p_variable")]
    assert norms == [math.inf] * 2
    x, y = small_images()
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    again = kl.GloroModel(small_net(units=(16,)), 0.05, norm="inf")
    again.compile(optimizer(), loss="clipped_hinge")
    again.optimizer.build(again.trainable_variables)
    model.save_weights(tmp_path / "m.weights.h5")
    again.load_weights(tmp_path / "m.weights.h5")
    assert again.loss.scale == pytest.approx(model.loss.scale)
    again.fit(x, y, verbose=0)


def slow_means(base, x):
    """The mean that each `MeanShift` meets, layer by layer."""
    means, y = [], x
    for layer in base.layers:
        if isinstance(layer, kl.layers.MeanShift):
            means.append(to_numpy(y).mean(axis=0))
            y = y - keras.ops.convert_to_tensor(means[-1], "float32")
        else:
            y = layer(y, training=False) if hasattr(layer, "p") else layer(y)
    return means


@multi_backend
def test_means_are_measured_at_infinity():
    base = shaken(small_net(p=8.0))
    x, y = small_images(50)
    expected = slow_means(base, x)
    kl.models.BatchMeans(base).update(x, batch_size=50)
    shifts = [s for s in base.layers if isinstance(s, kl.layers.MeanShift)]
    for shift, mean in zip(shifts, expected, strict=True):
        np.testing.assert_allclose(
            to_numpy(shift.moving_mean), mean, rtol=1e-5, atol=1e-6
        )
    # Of unequal batches, the mean of the first layer is that of all samples.
    kl.models.BatchMeans(base).update(x, batch_size=32)
    np.testing.assert_allclose(
        to_numpy(shifts[0].moving_mean), expected[0], rtol=1e-5
    )


@multi_backend
def test_means_are_measured_before_every_evaluation(trained):
    model, _ = trained
    x, y = small_images(64)
    # The last training step left the means that validation had measured.
    shift = next(s for s in model.base.layers if hasattr(s, "moving_mean"))
    whole, _ = small_images()
    np.testing.assert_allclose(
        to_numpy(shift.moving_mean), slow_means(model.base, whole)[0], rtol=1e-4
    )
    shift.moving_mean.assign(np.zeros(16))
    update = kl.callbacks.MeanShiftUpdate(x, batch_size=64)
    model.evaluate(x, y, verbose=0, callbacks=[update])
    np.testing.assert_allclose(
        to_numpy(shift.moving_mean), slow_means(model.base, x)[0], rtol=1e-4
    )


@multi_backend
@pytest.mark.parametrize("p", [2.0, 8.0, 1000.0, math.inf])
def test_points_decay_in_their_norm(p):
    """Where no gradient is, the decay alone moves the points."""
    layer = kl.layers.LInfDist(3, identity=None, use_bias=True)
    layer.build((None, 5))
    w = np.random.default_rng(0).normal(size=(5, 3))
    layer.kernel.assign(w)
    layer.bias.assign(np.ones(3))
    decay = kl.optimizers.LInfAdam(0.5, weight_decay=0.1, p=p)
    variables = layer.trainable_variables
    decay.build(variables)
    decay.apply([keras.ops.zeros(v.shape) for v in variables], variables)
    size = np.abs(w)
    if p == math.inf:
        share = size == size.max(axis=0)
    else:
        largest = size.max(axis=0)
        norm = largest * np.linalg.norm(size / largest, p, axis=0)
        share = (size / norm) ** (p - 2)
    np.testing.assert_allclose(
        to_numpy(layer.kernel), w - 0.05 * share * w, rtol=1e-4
    )
    np.testing.assert_allclose(to_numpy(layer.bias), 0.95, rtol=1e-5)
    config = decay.get_config()
    again = kl.optimizers.LInfAdam.from_config(config)
    assert again.get_config() == config
    assert again.p == p and again.epsilon == 1e-10 and again.beta_2 == 0.99


def test_without_weight_decay_nothing_decays():
    layer = kl.layers.LInfDist(3)
    layer.build((None, 2))
    before = to_numpy(layer.kernel).copy()
    plain = kl.optimizers.LInfAdam()
    plain.build(layer.trainable_variables)
    plain.apply([keras.ops.zeros((2, 3))], layer.trainable_variables)
    np.testing.assert_array_equal(to_numpy(layer.kernel), before)
