"""What is logged, drawn and tabled of a model with a local bound."""

import pathlib

import keras
import numpy as np
import pytest
from keras import ops
from local_networks import SHAPE
from local_networks import data
from matplotlib.figure import Figure

import keras_lipschitz as kl
from keras_lipschitz.visualization import plot_local_bounds

EPSILON, EPOCHS = 0.1, 10
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def trained():
    """A model, and the history of its training."""
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(4, 3, strides=2, name="first"),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(6, activation="relu", name="second"),
            keras.layers.Dense(3),
        ]
    )
    bound = kl.bounds.LocalLipschitz()
    model = kl.GloroModel(base, EPSILON, bound=bound)
    model.compile(keras.optimizers.Adam(2e-2), "gloro_crossentropy")
    x, y = data()
    watch = kl.callbacks.LocalConstants(x[:20])
    history = model.fit(x, y, 8, epochs=EPOCHS, callbacks=[watch], verbose=0)
    return model, history


def test_logs_are_what_the_last_weights_give(trained):
    model, history = trained
    logs = history.history
    assert {name for name in logs if "/" in name} == {
        "constant/global",
        "constant/local",
        "varying/first",
        "varying/second",
    }
    assert all(len(values) == EPOCHS for values in logs.values())
    x = data()[0][:20]
    bound, last = model.bound, {name: v[-1] for name, v in logs.items()}
    local = bound.estimated_local_norms(x, EPSILON).values()
    product = np.prod([ops.convert_to_numpy(norm) for norm in local], axis=0)
    assert last["constant/local"] == pytest.approx(product.mean(), rel=1e-5)
    whole = np.prod([float(norm) for norm in bound.estimated_norms().values()])
    assert last["constant/global"] == pytest.approx(whole, rel=1e-5)
    assert last["constant/local"] < last["constant/global"]
    # What is at or below zero in all of its box cannot vary behind a ReLU.
    regions, _ = bound.local.walk(x, EPSILON, bound.estimated_norms())
    share = np.mean(ops.convert_to_numpy(regions[2].upper) > 0)
    assert last["varying/first"] == pytest.approx(share)
    assert 0 < share < 1


def test_the_callback_wants_a_local_bound(trained):
    base = trained[0].base
    model = kl.GloroModel(base, EPSILON)
    model.compile("sgd", "gloro_crossentropy")
    x, y = data()
    with pytest.raises(ValueError, match="LocalLipschitz.*Received"):
        model.fit(x, y, callbacks=[kl.callbacks.LocalConstants(x)], verbose=0)


def test_plot_shows_both_constants_and_every_layer(trained, tmp_path):
    history = trained[1]
    figure = plot_local_bounds(history)
    assert isinstance(figure, Figure)
    above, below = figure.axes
    for axes, names in (
        (above, ("constant/global", "constant/local")),
        (below, ("varying/first", "varying/second")),
    ):
        for line, name in zip(axes.lines, names, strict=True):
            np.testing.assert_allclose(line.get_ydata(), history.history[name])
            assert line.get_label() == name.split("/")[1]
    figure.savefig(tmp_path / "plot.png")
    once = {name: values[:1] for name, values in history.history.items()}
    plot_local_bounds(once).savefig(tmp_path / "once.png")
    assert (tmp_path / "once.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="LocalConstants.*Received.*loss"):
        plot_local_bounds({"loss": [1.0]})


def test_the_example_tables_every_kind_of_proof(
    trained, tmp_path, monkeypatch, capsys
):
    """As it does for a file: the more is proved, the less is certified."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import evaluate
    import evaluation_tables

    x, y = data(30)
    trained[0].save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    rows = evaluate.by_kind(model, x, y, (EPSILON, 0.5))
    assert [row["epsilon"] for row in rows] == 4 * [EPSILON] + 4 * [0.5]
    for some in (rows[:4], rows[4:]):
        assert [row["kind"] for row in some] == list(kl.evaluation.LOCAL_KINDS)
        shares = [row["vra"] for row in some]
        assert shares == sorted(shares)
    model.epsilon = 0.5
    proved = np.mean(model.predict_certified(x).label == y)
    assert rows[5]["vra"] == pytest.approx(proved)
    assert rows[1]["vra"] > rows[5]["vra"] > 0.1
    evaluation_tables.show_kinds(rows)
    printed = capsys.readouterr().out
    assert len({row["what"] for row in some}) == 4
    for row in rows:
        assert row["what"] in printed
    assert "probability 1 - 1e-09 for all 30 samples" in rows[2]["what"]
    assert evaluate.by_kind(kl.GloroModel(model.base, 0.1), x, y, (0.1,)) == []
    attacked = [{"epsilon": r, "vra": 0.0, "pgd": 0.0} for r in (EPSILON, 0.5)]
    results = {"by_radius": attacked, "by_kind": rows, "tightness": None}
    refuted = [r for r in rows if r["kind"] != "estimate" and r["vra"] > 0]
    assert len(evaluate.contradictions(results)) == len(refuted) > 2


def test_thresholds_that_differ_by_layer():
    def thresholds(value):
        constant = keras.initializers.Constant
        return {
            "low_initializer": constant(-value),
            "high_initializer": constant(2 * value),
        }

    def made(*arguments):
        return kl.models.cnn(
            (4, 4, 1),
            2,
            [(3, 2, 1)],
            [4],
            "clipped_minmax",
            activation_arguments=arguments,
        )

    base = made(thresholds(0.1), thresholds(0.3))
    layers = [
        layer
        for layer in base.layers
        if isinstance(layer, kl.layers.ClippedMinMax)
    ]
    for layer, value in zip(layers, (0.1, 0.3), strict=True):
        low, high = map(ops.convert_to_numpy, (layer.low, layer.high))
        np.testing.assert_allclose(low, -value)
        np.testing.assert_allclose(high, 2 * value)
    with pytest.raises(ValueError, match="each of 2 activations.*Received: 3"):
        made({}, {}, {})
