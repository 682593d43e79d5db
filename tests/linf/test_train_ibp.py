"""The example that trains plain networks by interval bound propagation."""

import dataclasses
import pathlib
import types

import keras
import numpy as np
import pytest

import keras_lipschitz as kl

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def recipes(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import ibp_recipes

    return ibp_recipes


def test_pixels_far_from_a_threshold_are_known(recipes):
    for recipe in recipes.RECIPES.values():
        network = recipes.conv_net((28, 28, 1), 3, recipe)
        first = keras.Model(network.inputs, network.layers[1].output)
        thresholds = np.array(recipe.thresholds)
        for x in (0.0, 0.45, 1.0):
            compared = np.asarray(first(np.full((1, 28, 28, 1), x)))[0, 0, 0]
            expected = np.clip(recipe.steepness * (x - thresholds) + 0.5, 0, 1)
            np.testing.assert_allclose(compared, expected, atol=1e-5)


def test_each_colour_is_compared(recipes):
    recipe = dataclasses.replace(
        recipes.RECIPES["digits_ibp"], thresholds=(0.2, 0.7), steepness=10.0
    )
    network = recipes.conv_net((8, 8, 3), 3, recipe)
    first = keras.Model(network.inputs, network.layers[1].output)
    pixels = np.broadcast_to([0.22, 0.5, 0.72], (1, 8, 8, 3))
    expected = [0.7, 0.0, 1.0, 0.0, 1.0, 0.7]
    np.testing.assert_allclose(first(pixels)[0, 4, 4], expected, atol=1e-5)


def test_units_begin_with_few_inputs(recipes):
    kernel = np.abs(recipes.few_taps((3, 3, 16, 40), 3)).reshape(-1, 40)
    largest = -np.sort(-kernel, axis=0)
    np.testing.assert_array_equal(largest[:3].T, [[1.0, 0.5, 0.5]] * 40)
    assert 0 < largest[3:].max() < 0.01


POOLED = {
    "kernel": 3,
    "strides": (1,),
    "pooling": (2,),
    "initial_taps": 3,
    "normalized": True,
    "q": 0.7,
    "q_reached": 0.8,
}


@pytest.mark.parametrize(
    "kappa, learns, optimizer, changes",
    [((1.0, 0.0), True, "adam", {}), (None, False, "muon", POOLED)],
)
def test_trains(kappa, learns, optimizer, changes, recipes, tmp_path):
    import train_ibp

    random = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = random.integers(0, 60, (300, 8, 8, 1))
    for k in range(3):
        x[y == k, 2 * k : 2 * k + 3] += 150
    x, path = x.astype("uint8"), tmp_path / "own.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x[:60], y_test=y[:60])
    data = kl.datasets.load(f"npz:{path}", validation=0.1, batch_size=32)
    recipe = dataclasses.replace(
        recipes.RECIPES["digits_ibp"],
        thresholds=(0.33,),
        kappa=kappa,
        learn_thresholds=learns,
        optimizer=optimizer,
        **changes,
        learning_rate=(1e-2, 1e-3),
        epsilon_reached=0.5,
    )
    model = train_ibp.build(recipe, data)
    thresholds = model.base.get_layer("comparisons").get_weights()
    history = model.fit(
        data.train,
        epochs=6,
        callbacks=train_ibp.callbacks(recipe, data),
        verbose=0,
        shuffle=False,
    ).history
    if kappa:
        assert history["kappa"][-1] == 0.0
    if "q" in changes:
        assert history["q"][:3] == [0.0] * 3
        assert history["q"][-1] == pytest.approx(0.7)
    moved = model.base.get_layer("comparisons").get_weights()
    assert learns != np.array_equal(moved[1], thresholds[1])
    assert history["training_epsilon"][-1] == pytest.approx(0.1)
    images, labels = data.arrays("test")
    judged = train_ibp.without_normalization(model)
    assert np.mean(judged.predict_certified(images).label == labels) > 0.9


def test_one_network_is_judged_with_branches(recipes, tmp_path):
    import ensemble

    recipe = recipes.RECIPES["digits_ibp"]
    base = recipes.conv_net((8, 8, 1), 3, recipe)
    bound = kl.bounds.IntervalBound((0.0, 1.0), radius_steps=6)
    model = kl.GloroModel(base, 0.1, bound=bound)
    model.save(tmp_path / "model.keras")
    judged = ensemble.together([tmp_path], branches=5)
    assert judged.bound.branches == 5
    assert judged.bound.radius_steps == 6 and judged.bound.clip == (0.0, 1.0)
    x = np.random.default_rng(0).uniform(size=(5, 8, 8, 1)).astype("float32")
    np.testing.assert_array_equal(np.asarray(judged(x)), np.asarray(model(x)))


def test_the_mean_over_shifts_goes_on_from_one_network(recipes, tmp_path):
    import ensemble
    import train_ibp
    import training_run

    data = types.SimpleNamespace(input_shape=(8, 8, 1), classes=3)
    recipe = recipes.RECIPES["digits_ibp"]
    train_ibp.build(recipe, data).save(tmp_path / "model.keras")
    mean = ensemble.together([tmp_path], shifted=True)
    mean.save(tmp_path / "mean.keras")
    recipe = dataclasses.replace(recipe, shifted=True)
    model = train_ibp.build(recipe, data)
    training_run.begin_with(model, tmp_path / "mean.keras")
    x = np.random.default_rng(0).uniform(size=(5, 8, 8, 1)).astype("float32")
    np.testing.assert_array_equal(np.asarray(mean(x)), np.asarray(model(x)))
    model.fit(x, np.arange(5) % 3, verbose=0)
    assert not np.allclose(np.asarray(mean(x)), np.asarray(model(x)))


def test_branches_are_of_interval_bounds(recipes):
    import ensemble

    bounds = [kl.bounds.GlobalLipschitz(norm="inf")]
    with pytest.raises(SystemExit, match="Received: GlobalLipschitz"):
        ensemble.common_bound(bounds, branches=5)


def test_deployed_levels_count_what_is_proved_in_exact_arithmetic(recipes):
    import reporting

    recipe = recipes.RECIPES["digits_ibp"]
    base = recipes.conv_net((8, 8, 1), 3, recipe)
    bound = kl.bounds.IntervalBound((0.0, 1.0), radius_steps=0, branches=20)
    model = kl.GloroModel(base, 1e-4, bound=bound)
    x = np.random.default_rng(0).uniform(size=(40, 8, 8, 1)).astype("float32")
    y = np.array(keras.ops.argmax(base(x), axis=1))
    y[::2] = (y[::2] + 1) % 3
    numbers, _ = reporting.measure(model, x, y)
    assert 0.0 < numbers["vra_f32"] <= numbers["vra_f64"] <= numbers["vra"]
    assert numbers["vra"] <= 0.5
    nothing = np.zeros(len(y), bool)
    assert reporting.vra_at("F64", model, x, y, nothing) == 0.0
