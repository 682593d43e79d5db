"""The examples as a user runs them: as commands."""

import dataclasses
import inspect
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import keras_lipschitz

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = (
    "model.keras",
    "certificate.json",
    "results.json",
    "results.md",
    "certified_accuracy.png",
    "training.png",
    "constants.png",
    "radius_grid.png",
)
# Facts of the machine and of the moment.
VOLATILE = {
    "train_seconds",
    "certify_seconds",
    "estimate_seconds",
    "command",
    "device",
}


@pytest.fixture
def data(tmp_path):
    """A small problem with images, in a file of a user's own."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 3
    x = rng.integers(0, 60, (400, 8, 8, 1))
    for k in range(3):
        x[y == k, 2 * k : 2 * k + 3] += 150
    path = tmp_path / "own.npz"
    x = x.astype("uint8")
    np.savez(
        path, x_train=x[:300], y_train=y[:300], x_test=x[300:], y_test=y[300:]
    )
    return f"npz:{path}"


def command(data, output, epochs):
    return [
        sys.executable,
        str(ROOT / "examples" / "train_gloro.py"),
        "--recipe=digits",
        f"--data={data}",
        f"--epochs={epochs}",
        f"--output={output}",
        "--epsilon=0.1",
        "--threads=1",
        "--no-pgd",
    ]


def environment():
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}


def run(*arguments):
    done = subprocess.run(
        arguments, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def finished_epochs(output):
    state = output / "state" / "state.json"
    return json.loads(state.read_text())["epoch"] if state.exists() else 0


def kill_after(epochs, arguments, output):
    """Kills a run once so many epochs are on disk."""
    process = subprocess.Popen(
        arguments,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while finished_epochs(output) < epochs:
            assert process.poll() is None, "the run ended by itself"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def logged(output, part):
    """What TensorBoard shows of a run."""
    from tensorboard.backend.event_processing import event_multiplexer

    runs = event_multiplexer.EventMultiplexer()
    runs.AddRunsFromDirectory(str(output / "tensorboard")).Reload()
    return set(runs.Runs()[part]["tensors"])


def test_killed_run_goes_on_and_ends_the_same(data, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(*command(data, whole, epochs=15))
    kill_after(2, command(data, broken, epochs=15), broken)
    assert 2 <= finished_epochs(broken) < 15
    run(*command(data, broken, epochs=15))
    for name in RESULTS:
        assert (whole / name).exists() and (broken / name).exists(), name
    assert sorted(os.listdir(whole)) == sorted(os.listdir(broken))
    one, other = (
        json.loads((folder / "results.json").read_text())
        for folder in (whole, broken)
    )
    assert one["best_epoch"] == other["best_epoch"]
    assert one["epochs"] == other["epochs"] == 15
    for key in one.keys() - VOLATILE:
        if isinstance(one[key], float):
            assert one[key] == pytest.approx(other[key], rel=1e-4), key
        else:
            assert one[key] == other[key], key
    assert {"epoch_loss", "epoch_vra", "epoch_training_epsilon"} <= logged(
        broken, "train"
    )
    assert "epoch_vra" in logged(broken, "validation")
    # The last epoch selects nothing: the best one on validation does.
    history = json.loads((broken / "state" / "state.json").read_text())
    vra = history["history"]["val_vra"]
    assert len(vra) == 15
    assert vra[other["best_epoch"] - 1] == max(vra)

    printed = run(
        sys.executable,
        str(ROOT / "examples" / "evaluate.py"),
        str(whole / "model.keras"),
        f"--data={data}",
        "--epsilon",
        "0.05",
        "0.1",
        "--attack-steps=5",
        "--search-samples=20",
        "--search-steps=10",
        "--sigma=0.1",
        "--votes=50",
        "--smoothed-samples=5",
        f"--output={tmp_path / 'evaluation.json'}",
    )
    assert "certified upper bound" in printed
    measured = json.loads((tmp_path / "evaluation.json").read_text())
    small, large = measured["by_radius"]
    assert large["vra"] == pytest.approx(one["vra"])
    assert small["vra"] >= large["vra"]
    if large["pgd"] is not None:
        assert large["clean"] >= large["pgd"] >= large["vra"]
    found = measured["tightness"]
    assert found["global_lower"] <= found["upper"] * (1 + 1e-6)
    assert measured["randomized_smoothing"]["samples"] == 5

    def ensemble(*arguments):
        output = tmp_path / "together"
        script = str(ROOT / "examples" / "ensemble.py")
        common = ("--threads=1", "--no-pgd", f"--output={output}")
        run(sys.executable, script, *map(str, arguments), *common)
        assert (output / "model.keras").exists()
        return json.loads((output / "results.json").read_text())

    results = ensemble(whole, broken)
    assert results["epochs"] == "15 + 15"
    # Two that are the same are as good as each.
    assert results["vra"] == pytest.approx(one["vra"])

    results = ensemble(whole, "--mirrored", "--shifted")
    assert results["command"].endswith("--mirrored --shifted")
    base = keras.saving.load_model(whole / "model.keras").base
    with np.load(data.removeprefix("npz:")) as arrays:
        x, y = arrays["x_test"] / np.float32(255), arrays["y_test"]
    ways = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    views = [x[:, :, ::-1], *(moved(x, *way) for way in ways)]
    logits = sum(base.predict(view, verbose=0) for view in views)
    clean = np.mean(logits.argmax(axis=1) == y)
    assert results["clean"] == pytest.approx(clean)


def moved(x, down, right):
    """Images with zeros where nothing comes from."""
    y = np.zeros_like(x)
    height, width = x.shape[1:3]
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                y[:, i, j] = x[:, i - down, j - right]
    return y


def test_what_trained_in_half_precision_is_judged_in_float32(
    data, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import train_gloro
    import training_run
    from recipes import RECIPES

    arguments = train_gloro.parse(
        [
            "--recipe=digits",
            f"--data={data}",
            "--epochs=1",
            "--precision=mixed_bfloat16",
            "--no-jit",
        ]
    )
    recipe = training_run.chosen_recipe(arguments, RECIPES)
    samples = training_run.load_data(recipe, arguments)
    steer = train_gloro.callbacks(recipe, samples)
    built = []

    def build(recipe, data):
        built.append(train_gloro.build(recipe, data))
        return built[-1]

    model, _ = training_run.train(
        recipe, samples, arguments, str(tmp_path), build, steer
    )
    trained, judged = built
    assert model is judged
    for network, dtype in ((trained, "bfloat16"), (judged, "float32")):
        layers = [x for x in network.base.layers if x.weights]
        assert {x.compute_dtype for x in layers} == {dtype}
    kernels = [n.base.layers[-1].get_weights()[0] for n in built]
    np.testing.assert_array_equal(*kernels)
    assert keras.config.dtype_policy().name == "float32"


def test_training_begins_with_a_saved_model(data, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import train_gloro
    import training_report
    import training_run
    from recipes import RECIPES

    path = str(tmp_path / "saved.keras")
    arguments = train_gloro.parse(
        ["--recipe=digits", f"--data={data}", f"--initial-model={path}"]
    )
    # Nothing is learned, and so what it begins with is what comes out.
    recipe = dataclasses.replace(
        RECIPES["digits"], data=data, epochs=1, learning_rate=(0.0, 0.0)
    )
    samples = training_run.load_data(recipe, arguments)
    saved = train_gloro.build(recipe, samples)
    saved.save(path)
    model, _ = training_run.train(
        recipe,
        samples,
        arguments,
        str(tmp_path),
        train_gloro.build,
        train_gloro.callbacks(recipe, samples),
    )
    for a, b in zip(
        saved.base.get_weights(), model.base.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    words = training_report.command(arguments, "train_gloro.py")
    assert f"--initial-model {path}" in words
    other = dataclasses.replace(recipe, architecture="cnn_4c3f")
    with pytest.raises(SystemExit, match="initial-model.*Received.*saved"):
        training_run.begin_with(train_gloro.build(other, samples), path)


def test_what_is_held_out_may_have_a_seed_of_its_own(data, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import train_gloro
    import training_report
    import training_run
    from recipes import RECIPES

    recipe, held_out = RECIPES["digits"], []
    recipe = dataclasses.replace(recipe, data=data)
    for seeds in (["--seed=3"], ["--seed=4", "--split-seed=3"], ["--seed=4"]):
        arguments = train_gloro.parse(["--recipe=digits", *seeds])
        samples = training_run.load_data(recipe, arguments)
        held_out.append(samples.arrays("validation")[0])
        words = training_report.command(arguments, "train_gloro.py")
        assert words.endswith(" ".join(seeds).replace("=", " "))
    np.testing.assert_array_equal(held_out[0], held_out[1])
    assert not np.array_equal(held_out[1], held_out[2])


def test_all_images_train_and_the_last_epoch_is_kept(data, tmp_path):
    run(*command(data, tmp_path, epochs=3), "--validation=0", "--no-jit")
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["best_epoch"] == results["epochs"] == 3
    assert results["command"].endswith("--seed 0 --validation 0")
    state = json.loads((tmp_path / "state" / "state.json").read_text())
    assert state["settings"]["training_samples"] == 300
    assert not any(name.startswith("val_") for name in state["history"])
    assert (tmp_path / "training.png").exists()


def test_other_settings_are_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    from resumable_run import ResumableRun

    run = ResumableRun(tmp_path, {"epochs": (1, 2)})
    run._write(run.state)
    assert ResumableRun(tmp_path, {"epochs": (1, 2)}).epoch == 0
    with pytest.raises(ValueError, match="other settings"):
        ResumableRun(tmp_path, {"epochs": (1, 3)})


def test_recipes_name_what_exists(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    from recipes import RECIPES

    for name, recipe in RECIPES.items():
        architecture = getattr(keras_lipschitz.models, recipe.architecture)
        chosen = {
            "activation": recipe.activation,
            "kernel_initializer": recipe.initializer,
        }
        chosen = {k: v for k, v in chosen.items() if v is not None}
        inspect.signature(architecture).bind(
            (32, 32, 3), 10, **chosen, **recipe.network
        )
        loss = keras_lipschitz.losses.get(recipe.loss, **recipe.loss_arguments)
        assert not isinstance(loss, str), name
        assert (recipe.trades is not None) == hasattr(loss, "weight"), name


def test_two_moons(tmp_path):
    pytest.importorskip("sklearn")
    picture = tmp_path / "moons.png"
    run(
        sys.executable,
        str(ROOT / "examples" / "two_moons.py"),
        "--epochs=2",
        f"--output={picture}",
    )
    assert picture.stat().st_size > 10000
