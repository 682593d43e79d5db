import numpy as np

from keras_lipschitz.visualization import style

VALIDATION = "val_"


def plot_training(history):
    """What training logged, by epoch.

    A panel for the loss, one for the accuracies (clean, verified-robust, share
    of rejections), and one for every other quantity in the logs (epsilon,
    constants, learning rate, ...). Training is drawn thin, validation strong.

    Args:
        history: What `fit` returned, or its `history` dict.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    history = model.fit(x, y, validation_data=validation, epochs=10)
    plot_training(history).savefig("training.png")
    ```
    """
    logs = getattr(history, "history", history)
    if not logs or not all(len(values) for values in logs.values()):
        raise ValueError(
            "Expected the history of one epoch or more. Received: "
            f"history={logs!r}"
        )
    panels = _panels(logs)
    figure, axes = style.new_figure(
        7.2, 0.6 + 1.7 * len(panels), rows=len(panels), sharex=True
    )
    epochs = max(len(values) for values in logs.values())
    for panel, (title, names) in zip(axes[:, 0], panels.items(), strict=True):
        _draw(panel, title, names, logs, epochs)
    style.label(axes[-1, 0], "epoch (thin: training, strong: validation)")
    return figure


def _panels(logs):
    """Dict from the title of a panel to the names that it shows."""
    panels = {}
    for key in logs:
        name = key.removeprefix(VALIDATION)
        # "lipschitz/conv_1" belongs to "lipschitz".
        title = name.split("/")[0].replace("_", " ")
        title = "accuracies" if _is_accuracy(name) else title
        names = panels.setdefault(title, [])
        if name not in names:
            names.append(name)
    first = [title for title in ("loss", "accuracies") if title in panels]
    rest = [title for title in panels if title not in first]
    return {title: panels[title] for title in [*first, *rest]}


def _is_accuracy(name):
    return name.startswith("vra") or name.endswith(
        ("accuracy", "acc", "rejection_rate")
    )


def _draw(axes, title, names, logs, epochs):
    for name, color in zip(names, style.CYCLE * len(names), strict=False):
        keys = [key for key in (VALIDATION + name, name) if key in logs]
        for key, width in zip(keys, (2.2, 0.9), strict=False):
            # Fewer values than epochs: validation ran every few epochs.
            count = len(logs[key])
            axes.plot(
                np.linspace(epochs / count, epochs, count),
                logs[key],
                color=color,
                marker="o" if count == 1 else "",
                linewidth=width,
                label=_spelled(name) if key == keys[0] else None,
            )
    _scale(axes, title, epochs)
    style.tidy(axes)
    style.entitle(axes, title)
    if len(names) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _scale(axes, title, epochs):
    from matplotlib.ticker import MaxNLocator
    from matplotlib.ticker import PercentFormatter

    axes.set_xlim(0 if epochs == 1 else 1, epochs)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = axes.dataLim.intervaly
    if title == "accuracies":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylim(0, 1.02)
    elif 0 < low < high / 100:
        axes.set_yscale("log")
    elif low >= 0:
        axes.set_ylim(bottom=0)


def _spelled(name):
    if "/" in name:
        return name.split("/", 1)[1]
    return "VRA" if name == "vra" else name.replace("_", " ")
