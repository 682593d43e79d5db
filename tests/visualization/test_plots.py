import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_lipschitz import visualization
from keras_lipschitz.certification.certificate import Certificate
from keras_lipschitz.certification.certificate import LayerNorm
from keras_lipschitz.visualization.certified_accuracy import certified_accuracy

HISTORY = {
    "loss": [2.0, 1.0, 0.5],
    "vra": [0.1, 0.5, 0.7],
    "clean_accuracy": [0.5, 0.8, 0.9],
    "learning_rate": [1e-2, 1e-3, 1e-5],
    "val_loss": [2.1, 1.1, 0.6],
    "val_vra": [0.1, 0.4, 0.6],
    "val_clean_accuracy": [0.4, 0.7, 0.8],
}


@pytest.fixture
def certificate():
    return Certificate(
        level="R",
        layers=(
            LayerNorm("conv_1", "Conv2D", "gram", 1.4, 1.5),
            LayerNorm("dense_1", "Dense", "svd", 2.0, 2.0),
        ),
        body_constant=3.0,
        margin_constants=np.ones((3, 3)),
        weights="0" * 64,
        input_shape=(8, 8, 1),
    )


def saved(figure, path):
    assert isinstance(figure, Figure)
    figure.savefig(path)
    assert path.read_bytes().startswith(b"\x89PNG")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_curve_is_the_share_that_is_right_beyond_each_radius():
    rng = np.random.default_rng(0)
    radii = rng.uniform(size=50).round(1)
    radii[:3] = np.inf
    correct = rng.uniform(size=50) < 0.8
    at, accuracy = certified_accuracy(radii, correct)
    for radius in np.linspace(0.0, 1.2, 121):
        drawn = accuracy[np.searchsorted(at, radius, side="right") - 1]
        assert drawn == pytest.approx(np.mean(correct & (radii > radius)))


def test_certified_accuracy_marks_clean_and_epsilon(tmp_path):
    figure = visualization.plot_certified_accuracy(
        [0.1, 0.4, 0.9, 0.0], [True, True, True, False], epsilon=0.2
    )
    assert texts(figure.axes[0]) == [
        "clean 75.0%",
        r"50.0% at $\epsilon$ = 0.2",
    ]
    saved(figure, tmp_path / "plot.png")


def test_certified_accuracy_of_several_models_shares_axes(tmp_path):
    figure = visualization.plot_certified_accuracy(
        [0.1, 0.2], [True, True], name="one"
    )
    again = visualization.plot_certified_accuracy(
        [0.3, 2.5], [True, True], name="two", axes=figure.axes[0]
    )
    assert again is figure
    legend = figure.axes[0].get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["one", "two"]
    assert figure.axes[0].get_xlim()[1] > 2.5
    saved(figure, tmp_path / "plot.png")


@pytest.mark.parametrize("radii", [[np.inf, np.inf], [0.0, 0.0]])
@pytest.mark.parametrize("correct", [[True, True], [False, False]])
def test_certified_accuracy_of_extremes(radii, correct, tmp_path):
    figure = visualization.plot_certified_accuracy(radii, correct, epsilon=0.1)
    saved(figure, tmp_path / "plot.png")


@pytest.mark.parametrize(
    "radii, correct", [([], []), ([1.0], [True, False]), ([[1.0]], [[True]])]
)
def test_certified_accuracy_refuses_what_does_not_match(radii, correct):
    with pytest.raises(ValueError, match="of one length"):
        visualization.plot_certified_accuracy(radii, correct)


def test_training_has_a_panel_for_each_quantity(tmp_path):
    figure = visualization.plot_training(HISTORY)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["loss", "accuracies", "learning rate"]
    legend = figure.axes[1].get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["VRA", "clean accuracy"]
    assert figure.axes[2].get_yscale() == "log"
    saved(figure, tmp_path / "plot.png")


def test_training_draws_every_value():
    figure = visualization.plot_training(HISTORY)
    drawn = [
        line.get_ydata().tolist() for axes in figure.axes for line in axes.lines
    ]
    assert sorted(drawn) == sorted(HISTORY.values())


def test_training_with_rare_validation_ends_at_the_last_epoch():
    figure = visualization.plot_training(
        {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.5, 1.5]}
    )
    validation, training = figure.axes[0].lines
    np.testing.assert_allclose(validation.get_xdata(), [2, 4])
    np.testing.assert_allclose(training.get_xdata(), [1, 2, 3, 4])


def test_training_shows_the_norms_of_layers_together():
    names = ["lipschitz", "lipschitz/conv_1", "lipschitz/conv_2"]
    figure = visualization.plot_training({name: [1.0, 2.0] for name in names})
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "lipschitz"
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["lipschitz", "conv_1", "conv_2"]


@pytest.mark.parametrize(
    "history", [{"loss": [1.0]}, {"loss": [np.nan, np.nan], "vra": [0.0, 0.0]}]
)
def test_training_of_extremes(history, tmp_path):
    saved(visualization.plot_training(history), tmp_path / "plot.png")


@pytest.mark.parametrize("history", [{}, {"loss": []}])
def test_training_refuses_an_empty_history(history):
    with pytest.raises(ValueError, match="one epoch or more"):
        visualization.plot_training(history)


def test_constants_show_both_bounds_by_layer(certificate, tmp_path):
    figure = visualization.plot_constants(certificate)
    axes = figure.axes[0]
    widths = [[bar.get_width() for bar in bars] for bars in axes.containers]
    assert widths == [[1.5, 2.0], [1.4, 2.0]]
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "conv_1",
        "dense_1",
    ]
    assert texts(axes) == ["1.500", "2.000"]
    saved(figure, tmp_path / "plot.png")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("samples", [2, 5, 40])
def test_radius_grid_shows_the_extremes(channels, samples, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(samples, 4, 4, channels))
    radii = rng.permutation(samples) + 1.0
    labels = np.zeros(samples, int)
    predictions = (np.arange(samples) == radii.argmin()).astype(int)
    figure = visualization.plot_radius_grid(
        images, labels, predictions, radii, columns=4, class_names="ab"
    )
    small, large = (
        [axes.get_title() for axes in part.axes if axes.images]
        for part in figure.subfigs
    )
    assert len(small) == len(large) == min(8, samples // 2)
    assert small[0] == "a taken for b\n1.0"
    assert large[0] == f"a\n{samples:#.2g}"
    saved(figure, tmp_path / "plot.png")


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 8, 8, 2), (3, 8, 8, 1)])
def test_radius_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="Received"):
        visualization.plot_radius_grid(
            np.zeros(shape), np.zeros(4), np.zeros(4), np.zeros(4)
        )


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"keras-lipschitz\[plots\]"):
        visualization.plot_training(HISTORY)
