import numpy as np

from keras_lipschitz.visualization import style

GLOBAL, LOCAL, VARYING = "constant/global", "constant/local", "varying/"


def plot_local_bounds(history):
    """How tight local bounds were, by epoch, and what could vary.

    Above, the constant of everything below the last layer: the global one and
    the mean of the local ones, with what is left of it at the end. Below, the
    share of the outputs of each linear layer that can vary in the ball and
    matter: light first, dark last layers. All are estimates.

    Args:
        history: What `fit` returned, or its `history` dict, with the logs of a
            `LocalConstants` callback.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    history = model.fit(x, y, epochs=10, callbacks=[
        keras_lipschitz.callbacks.LocalConstants(x[:200])])
    plot_local_bounds(history).savefig("local_bounds.png")
    ```

    Reference:
        - [Huang et al., Training Certifiably Robust Neural Networks with
          Efficient Local Lipschitz Bounds, NeurIPS 2021](
          https://arxiv.org/abs/2111.01395)
    """
    logs = getattr(history, "history", history)
    if not logs.get(GLOBAL) or not logs.get(LOCAL):
        raise ValueError(
            "Expected the history of one epoch or more with a LocalConstants "
            f"callback: {GLOBAL!r} and {LOCAL!r}. Received: {sorted(logs)}"
        )
    figure, ((above,), (below,)) = style.new_figure(7.2, 5.2, 2, sharex=True)
    epochs = np.arange(1, len(logs[GLOBAL]) + 1)
    _draw_constants(above, epochs, logs)
    _draw_varying(below, epochs, logs)
    for axes in (above, below):
        style.tidy(axes)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    style.label(below, "epoch")
    return figure


def _draw_constants(axes, epochs, logs):
    for name, color in ((GLOBAL, style.ORANGE), (LOCAL, style.BLUE)):
        label = name.split("/")[1]
        _draw(axes, epochs, logs[name], color=color, label=label)
    left = logs[LOCAL][-1] / logs[GLOBAL][-1] if logs[GLOBAL][-1] else 1.0
    style.entitle(
        axes, f"Lipschitz constant; local over global at the end: {left:.2f}"
    )
    if min(*logs[GLOBAL], *logs[LOCAL]) > 0.0:
        axes.set_yscale("log")


def _draw_varying(axes, epochs, logs):
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator
    from matplotlib.ticker import PercentFormatter

    names = [name for name in logs if name.startswith(VARYING)]
    colors = colormaps["viridis_r"](np.linspace(0.15, 1.0, len(names)))
    for name, color in zip(names, colors, strict=True):
        label = name.removeprefix(VARYING)
        _draw(axes, epochs, logs[name], color=color, label=label)
    axes.set_ylim(0.0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.entitle(axes, "Share of outputs that vary and matter, by layer")


def _draw(axes, epochs, values, **kwargs):
    marker = "o" if len(epochs) == 1 else ""
    axes.plot(epochs, values, linewidth=1.8, marker=marker, **kwargs)
