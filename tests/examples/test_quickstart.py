import json
import runpy
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_lipschitz

SCRIPT = Path(__file__).parents[2] / "examples" / "quickstart.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a short run left behind and printed."""
    output = tmp_path_factory.mktemp("runs") / "not" / "yet"
    process = subprocess.run(
        [sys.executable, SCRIPT, "--epochs=2", f"--output={output}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return output, process.stdout


def test_leaves_everything(run):
    output, _ = run
    assert {path.name for path in output.iterdir()} == {
        "model.keras",
        "saved_model",
        "certificate.json",
        "results.json",
        "certified_accuracy.png",
        "training.png",
        "constants.png",
        "radius_grid.png",
    }


def test_results_are_those_of_the_saved_model(run):
    output, printed = run
    results = json.loads((output / "results.json").read_text())
    model = keras.saving.load_model(output / "model.keras")
    x, y = keras_lipschitz.datasets.digits().test
    evaluated = model.evaluate(x, y, return_dict=True, verbose=0)
    for name in ("vra", "clean_accuracy"):
        assert results[name] == pytest.approx(evaluated[name])
    assert results["constant"] == model.certificate.body_constant
    assert results["epsilon"] == model.epsilon == 0.3
    assert f"{results['vra']:.1%}" in printed
    assert str(model.certificate) in printed


def test_certificate_is_that_of_the_saved_model(run):
    output, _ = run
    load = keras_lipschitz.certification.certificate.Certificate.load
    certificate = load(output / "certificate.json")
    model = keras.saving.load_model(output / "model.keras")
    assert certificate.weights == model.fingerprint()


def test_saved_model_predicts_the_same(run):
    tf = pytest.importorskip("tensorflow")
    output, _ = run
    x = keras_lipschitz.datasets.digits().test[0][:5]
    served = tf.saved_model.load(output / "saved_model")
    model = keras.saving.load_model(output / "model.keras")
    np.testing.assert_allclose(served.serve(x), model.predict(x), atol=1e-6)


def test_table_lines_up():
    table = runpy.run_path(SCRIPT)["table"]
    names, numbers = table(
        dict(
            epsilon=0.3,
            clean_accuracy=0.975,
            vra=0.5,
            rejection_rate=0.49,
            certified_radius=0.31,
            constant=12345.6,
        )
    ).splitlines()
    assert len(names) == len(numbers)
    assert numbers.split() == ["0.3", "97.5%", "50.0%", "49.0%"] + [
        "0.310",
        "1.235e+04",
    ]
