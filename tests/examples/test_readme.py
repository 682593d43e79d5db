import re
from pathlib import Path

import keras_lipschitz

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def fences(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.S | re.M)


def test_quick_start_runs(monkeypatch, tmp_path, capsys):
    few = keras_lipschitz.datasets.Splits(
        *((x[:32], y[:32]) for x, y in keras_lipschitz.datasets.digits())
    )
    monkeypatch.setattr(keras_lipschitz.datasets, "digits", lambda: few)
    monkeypatch.chdir(tmp_path)
    (code,) = fences("python")
    assert len(code.strip().splitlines()) <= 22
    exec(compile(code, "README.md", "exec"), {})
    assert "proved right:" in capsys.readouterr().out
    assert {p.name for p in tmp_path.iterdir()} == {"digits.keras", "digits"}


def test_first_two_commands_are_scripts_that_exist():
    for command in fences("sh")[:2]:
        shell, script = command.split()
        assert shell == "sh" and (ROOT / script).is_file()


def test_what_it_lists_exists():
    table = README.split("## What there is")[1].split("\n## ")[0]
    rooms = {
        "Layers": keras_lipschitz.layers,
        "1-Lipschitz by construction": keras_lipschitz.layers,
        "l_inf distance": keras_lipschitz.layers,
        "Callbacks": keras_lipschitz.callbacks,
    }
    for room, module in rooms.items():
        (row,) = re.findall(rf"^\| {room} \|(.*)\|$", table, re.M)
        for name in re.findall(r"`(\w+)`", row):
            assert hasattr(module, name), f"{room}: {name}"
    for kind, module in {
        "Losses": keras_lipschitz.losses,
        "Metrics": keras_lipschitz.metrics,
    }.items():
        (row,) = re.findall(rf"^\| {kind} \|(.*)\|$", table, re.M)
        for name in re.findall(r"`(\w+)`", row):
            assert not isinstance(module.get(name), str), f"{kind}: {name}"


def test_links_point_at_files():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
