"""The example that trains nets of l_inf distances."""

import json
import pathlib
import sys

import keras
import numpy as np
import pytest

import keras_lipschitz as kl

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def examples(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))


@pytest.fixture
def data(tmp_path):
    """A small problem with images, in a file of a user's own."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = rng.integers(0, 60, (300, 8, 8, 1))
    for k in range(3):
        x[y == k, 2 * k : 2 * k + 3] += 150
    x, path = x.astype("uint8"), tmp_path / "own.npz"
    np.savez(
        path, x_train=x[:240], y_train=y[:240], x_test=x[240:], y_test=y[240:]
    )
    return f"npz:{path}"


def test_trains_and_reports(examples, data, tmp_path, monkeypatch):
    import train_linf

    output = tmp_path / "run"
    arguments = ["--recipe=digits", f"--data={data}", "--epochs=4", "--no-pgd"]
    arguments += [f"--output={output}", "--mlp-head"]
    monkeypatch.setattr(sys, "argv", ["train_linf.py", *arguments])
    train_linf.main()
    results = json.loads((output / "results.json").read_text())
    assert "train_linf.py" in results["command"]
    assert "--mlp-head" in results["command"]
    model = keras.saving.load_model(output / "model.keras")
    assert model.norm == "inf" and model.bound.clip == (0.0, 1.0)
    with np.load(data.removeprefix("npz:")) as arrays:
        x, y = arrays["x_test"] / np.float32(255), arrays["y_test"]
    labels, _ = model.predict_certified(x)
    assert results["vra"] == np.mean(labels == y)
    assert results["clean"] > 0.5
    # The same command again has nothing left to train.
    history = json.loads((output / "state" / "state.json").read_text())
    assert history["history"]["p"][-1] == float("inf")
    assert len(history["history"]["val_vra"]) == 4


def test_recipes_name_what_exists(examples):
    import linf_recipes

    for recipe in linf_recipes.RECIPES.values():
        for r in (recipe, linf_recipes.with_mlp(recipe)):
            loss = kl.losses.get(r.loss, **r.loss_arguments)
            assert isinstance(loss, kl.losses.MarginLoss)
            assert (r.loss_weight is None) == (r.loss != "clipped_hinge")
            kl.callbacks.PNormAnnealing(
                *r.p, r.p_begins, r.p_infinite, r.loss_weight
            )
