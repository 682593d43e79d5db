"""One look for all plots."""

# Apart for the colour-blind as well (Okabe and Ito).
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
INK, GREY, FAINT = "#222222", "#767676", "#dcdcdc"
CYCLE = (BLUE, ORANGE, GREEN, "#cc79a7", "#e69f00", "#56b4e9")


def new_figure(width, height, rows=1, columns=1, **kwargs):
    """A figure outside pyplot: no display is needed and nothing is kept.

    Args:
        width: Float, in inches.
        height: Float, in inches.
        rows: Integer, rows of axes.
        columns: Integer, columns of axes.
        **kwargs: As for `matplotlib.figure.Figure.subplots`.

    Returns:
        `(figure, axes)`, with `axes` an array of shape `(rows, columns)`.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "`keras_lipschitz.visualization` draws with matplotlib, which is "
            "not installed. Install it with `pip install "
            "keras-lipschitz[plots]`."
        ) from error
    figure = Figure(
        figsize=(width, height), dpi=150, layout="constrained", facecolor="w"
    )
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


def tidy(axes, grid="both"):
    """Leaves on the axes what helps to read them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=GREY, labelsize=9, length=0, which="both")
    axes.grid(axis=grid, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def entitle(axes, title):
    """A title above the left edge."""
    axes.set_title(title, loc="left", fontsize=11, color=INK, pad=8)


def label(axes, x=None, y=None):
    """Labels of the axes."""
    if x is not None:
        axes.set_xlabel(x, fontsize=9, color=GREY)
    if y is not None:
        axes.set_ylabel(y, fontsize=9, color=GREY)
