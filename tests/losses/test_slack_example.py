"""Slack on two moons: a binary model with one logit."""

import argparse
import json
import math
import pathlib

import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_no_network_is_steeper_than_its_slack_allows(tmp_path, monkeypatch):
    datasets = pytest.importorskip("sklearn.datasets")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import two_moons

    monkeypatch.setattr(two_moons, "SLACKS", (0.75, 1e-4))
    x, y = datasets.make_moons(100, noise=0.06, random_state=0)
    arguments = argparse.Namespace(
        epochs=20, seed=0, output=str(tmp_path / "slack.png")
    )
    panels = two_moons.slack_panels(x.astype("float32"), y, arguments)
    written = json.loads((tmp_path / "slack.json").read_text())
    smooth, steep = written["rows"]
    for row, p in ((smooth, 0.75), (steep, 1e-4)):
        assert row["p"] == p
        allowed = math.log((2 - p) / p) / two_moons.SLACK_RADIUS
        assert row["allowed"] == pytest.approx(allowed, rel=1e-5)
        assert 0 < row["attained"] <= allowed * (1 + 1e-5)
    assert steep["attained"] > 2 * smooth["attained"]
    assert steep["median_radius"] < smooth["median_radius"]
    table = (tmp_path / "slack.md").read_text().splitlines()
    assert len(table) == 4 and table[2].startswith("| 0.75 | 3.4 |")
    assert all(model.epsilon == 0.15 for model in panels.values())
