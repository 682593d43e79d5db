"""The second look at a certificate."""

import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from level_networks import clusters
from level_networks import dense_network
from level_networks import trained_network
from zoo import NETWORKS

import keras_lipschitz as kl
from keras_lipschitz.certification.checker import check
from keras_lipschitz.certification.command_line import main

multi_backend = pytest.mark.multi_backend


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("checked")
    base, x, y = trained_network()
    model = kl.GloroModel(base, 0.3)
    model.certify().save(folder / "certificate.json")
    model.save(folder / "model.keras")
    np.savez(folder / "data.npz", x=x, y=y)
    return folder


def run(folder, *more, model="model.keras", certificate="certificate.json"):
    arguments = [str(folder / model), str(folder / certificate), *more]
    return main(arguments)


def tampered(folder, change):
    """The saved certificate after `change(fields)`."""
    fields = json.loads((folder / "certificate.json").read_text())
    change(fields)
    path = folder / "tampered.json"
    path.write_text(json.dumps(fields))
    return "tampered.json"


@multi_backend
def test_honest_certificate(saved, capsys):
    assert run(saved) == 0
    output = capsys.readouterr().out
    assert "The certificate holds" in output
    assert "exact arithmetic" in output
    assert "gram iteration" in output
    for layer in kl.certification.Certificate.load(
        saved / "certificate.json"
    ).layers:
        assert layer.name in output


@multi_backend
def test_decisions_on_data(saved, capsys):
    data = ("--data", str(saved / "data.npz"))
    assert run(saved, *data) == 0
    output = capsys.readouterr().out
    model = keras.saving.load_model(saved / "model.keras")
    x, y = clusters()
    verified = np.mean(model.predict_certified(x).label == y)
    assert f"{verified:.4%}" in output
    assert "epsilon 0.3" in output
    assert run(saved, *data, "--epsilon", "100") == 0
    assert "0.0000% right and certified" in capsys.readouterr().out


@multi_backend
@pytest.mark.parametrize("level", ["F64", "F32"])
def test_deployed_levels(saved, level, capsys):
    model = keras.saving.load_model(saved / "model.keras")
    model.certify(level).save(saved / "deployed.json")
    data = ("--data", str(saved / "data.npz"))
    assert run(saved, *data, certificate="deployed.json") == 0
    assert f"Level {level!r}" in capsys.readouterr().out


def test_deployed_level_in_a_process_that_does_not_allow_it(
    saved, monkeypatch, capsys
):
    model = keras.saving.load_model(saved / "model.keras")
    model.certify("F32").save(saved / "deployed.json")
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    data = ("--data", str(saved / "data.npz"))
    assert run(saved, *data, certificate="deployed.json") == 1
    assert "ONEDNN_DEFAULT_FPMATH_MODE" in capsys.readouterr().err


def _smaller_norm(fields):
    fields["layers"][0]["upper"] *= 1 - 1e-5


def _smaller_norm_and_table(fields):
    fields["layers"][1]["upper"] *= 0.5
    fields["body_constant"] *= 0.5
    table = np.array(fields["margin_constants"]) * 0.5
    fields["margin_constants"] = table.tolist()


def _larger_norm(fields):
    fields["layers"][0]["upper"] *= 0.5
    fields["layers"][1]["upper"] *= 2.0


def _smaller_table(fields):
    fields["margin_constants"][0][1] *= 1 - 1e-9


def _smaller_body(fields):
    fields["body_constant"] *= 0.9


def _not_a_number(fields):
    fields["layers"][0]["upper"] = float("nan")


def _no_number_in_table(fields):
    fields["margin_constants"][2][1] = float("nan")


def _zero(fields):
    fields["layers"][0]["upper"] = 0.0


def _fewer_layers(fields):
    fields["layers"].pop()


def _fewer_classes(fields):
    fields["margin_constants"] = [row[:2] for row in fields["margin_constants"]]


def _other_weights(fields):
    fields["weights"] = "0" * 64


def _other_input(fields):
    fields["input_shape"] = [7]


def _estimate(fields):
    fields["level"] = "estimate"


def _other_level(fields):
    fields["level"] = "exact"


@multi_backend
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_smaller_norm, "attains"),
        (_smaller_norm_and_table, "attains"),
        (_larger_norm, "attains"),
        (_smaller_table, "margin of classes 0 and 1"),
        (_smaller_body, "body constant"),
        (_not_a_number, "attains"),
        (_no_number_in_table, "margin of classes 2 and 1"),
        (_zero, "attains"),
        (_fewer_layers, "lists 1 layers"),
        (_fewer_classes, "shape"),
        (_other_weights, "of another network"),
        (_other_input, "reads"),
        (_estimate, "proves nothing"),
        (_other_level, "not known"),
    ],
)
def test_tampered_certificate(saved, change, message, capsys):
    assert run(saved, certificate=tampered(saved, change)) == 1
    captured = capsys.readouterr()
    assert "does NOT hold" in captured.err
    assert message in captured.err
    assert "certificate holds" not in captured.out


@multi_backend
def test_foreign_model(saved, capsys):
    other = kl.GloroModel(dense_network(seed=5), 0.3)
    other.save(saved / "other.keras")
    assert run(saved, model="other.keras") == 1
    assert "of another network" in capsys.readouterr().err


@multi_backend
@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1}', "\x00"])
def test_corrupt_certificate(saved, text, capsys):
    (saved / "corrupt.json").write_text(text)
    assert run(saved, certificate="corrupt.json") == 2
    assert "Cannot read" in capsys.readouterr().err


def test_missing_or_corrupt_files(saved, capsys):
    assert run(saved, certificate="nowhere.json") == 2
    assert run(saved, model="nowhere.keras") == 2
    whole = (saved / "model.keras").read_bytes()
    (saved / "half.keras").write_bytes(whole[: len(whole) // 2])
    assert run(saved, model="half.keras") == 2


@multi_backend
def test_plain_classifier():
    """The wrapped classifier will do: it is what the certificate is of."""
    base = dense_network()
    certificate = kl.GloroModel(base, 0.1).certify()
    findings, problems = check(base, certificate)
    assert problems == []
    assert len(findings) == 2


@pytest.mark.parametrize(
    "name",
    [
        *("deep", "branches", "einsum_blocks", "conv2d_groups", "depthwise2d"),
        *("conv3d", "batch_normalization", "prelu", "shared", "without_head"),
    ],
)
def test_second_method(name):
    """On every kind of layer it confirms the first, from above and below."""
    model = kl.GloroModel(NETWORKS[name](), 0.1)
    findings, problems = check(model, model.certify())
    assert problems == []
    for finding in findings:
        assert finding.lower <= finding.claimed * (1 + 1e-12)
        assert finding.lower <= finding.upper * (1 + 1e-12)
        assert finding.upper <= finding.claimed * 1.01


def test_large_convolution_is_checked_on_a_torus():
    conv = keras.layers.Conv2D(8, 3, padding="same")
    pool = keras.layers.GlobalAveragePooling2D()
    layers = [conv, pool, keras.layers.Dense(2)]
    base = keras.Sequential([keras.Input((20, 20, 8)), *layers])
    model = kl.GloroModel(base, 0.1)
    certificate = model.certify()
    findings, problems = check(model, certificate)
    assert problems == []
    assert "torus" in findings[0].method
    claim = certificate.layers[0]
    wrong = dataclasses.replace(claim, upper=claim.lower * (1 - 1e-4))
    table = certificate.margin_constants * wrong.upper / claim.upper
    forged = dataclasses.replace(
        certificate, layers=(wrong,), margin_constants=table
    )
    assert any("attains" in p for p in check(model, forged)[1])


@pytest.mark.parametrize("honest", [True, False])
def test_command_line(saved, honest):
    name = "certificate.json" if honest else tampered(saved, _smaller_norm)
    result = subprocess.run(
        [
            *(sys.executable, "-m", "keras_lipschitz.certification"),
            *(str(saved / "model.keras"), str(saved / name)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == (0 if honest else 1)
    assert ("holds" in result.stdout) == honest
