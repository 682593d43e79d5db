"""The example that trains nets of l_inf distances."""

import json
import pathlib
import sys

import keras
import numpy as np
import pytest

import keras_lipschitz as kl

ROOT = pathlib.Path(__file__).parents[2]


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def examples():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "examples"))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small problem with images, in a file of a user's own."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = rng.integers(0, 60, (300, 8, 8, 1))
    for k in range(3):
        x[y == k, 2 * k : 2 * k + 3] += 150
    x, path = x.astype("uint8"), tmp_path_factory.mktemp("data") / "own.npz"
    np.savez(
        path, x_train=x[:240], y_train=y[:240], x_test=x[240:], y_test=y[240:]
    )
    return f"npz:{path}"


def run(data, output):
    import train_linf
    import training_report

    arguments = ["--recipe=digits", f"--data={data}", "--epochs=4", "--no-pgd"]
    arguments += [f"--output={output}", "--mlp-head"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train_linf.py", *arguments])
        # The plots are those of the other scripts.
        patch.setattr(training_report, "draw", lambda *arguments: None)
        train_linf.main()


@pytest.fixture(scope="module")
def finished(examples, data, tmp_path_factory):
    """The folder of a run."""
    output = tmp_path_factory.mktemp("run")
    run(data, output)
    return output


def content(folder, *names):
    return json.loads(folder.joinpath(*names).read_text())


def test_trains_and_reports(finished, data):
    results = content(finished, "results.json")
    assert "train_linf.py" in results["command"]
    assert "--mlp-head" in results["command"]
    model = keras.saving.load_model(finished / "model.keras")
    assert model.norm == "inf" and model.bound.clip == (0.0, 1.0)
    with np.load(data.removeprefix("npz:")) as arrays:
        x, y = arrays["x_test"] / np.float32(255), arrays["y_test"]
    labels, _ = model.predict_certified(x)
    assert results["vra"] == np.mean(labels == y)
    assert results["clean"] > 0.5
    state = content(finished, "state", "state.json")
    assert state["history"]["p"][-1] == float("inf")
    assert len(state["history"]["val_vra"]) == 4


def test_broken_run_goes_on_and_ends_the_same(finished, data, tmp_path):
    import resumable_run

    write = resumable_run.ResumableRun._write

    def write_and_die(self, state):
        write(self, state)
        if state["epoch"] == 2:
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(resumable_run.ResumableRun, "_write", write_and_die)
        run(data, tmp_path)
    assert not (tmp_path / "model.keras").exists()
    run(data, tmp_path)
    one, other = (
        {path.name for path in folder.iterdir()}
        for folder in (finished, tmp_path)
    )
    assert one == other
    one, other = (
        content(folder, "state", "state.json")
        for folder in (finished, tmp_path)
    )
    assert one["best_epoch"] == other["best_epoch"]
    for name, values in one["history"].items():
        np.testing.assert_allclose(
            other["history"][name], values, rtol=1e-4, err_msg=name
        )
    one, other = (
        keras.saving.load_model(folder / "model.keras").weights
        for folder in (finished, tmp_path)
    )
    for v, w in zip(one, other, strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-3, atol=1e-4, err_msg=v.path)


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
