import numpy as np

from keras_lipschitz.visualization import style


def plot_certified_accuracy(radii, correct, epsilon=None, name=None, axes=None):
    """Certified accuracy against the radius.

    At radius `r` the curve gives the share of samples that are classified
    right and whose certified radius is larger than `r`. At zero it starts at
    the clean accuracy.

    Args:
        radii: Array `(samples,)`, the certified radius of every sample, from
            `GloroModel.certified_radius`.
        correct: Boolean array `(samples,)`, whether the class with the largest
            logit is the label.
        epsilon: Number or `None`, a radius to mark.
        name: String or `None`, what to call the curve; needed where several
            share the axes.
        axes: Matplotlib axes to draw on. Defaults to those of a new figure.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    ```python
    labels, radii = model.predict_certified(x_test)
    correct = model.predict(x_test)[:, :-1].argmax(axis=1) == y_test
    figure = plot_certified_accuracy(radii, correct, epsilon=0.3)
    figure.savefig("certified_accuracy.png")
    ```
    """
    radii, correct = _check(radii, correct)
    if axes is None:
        _, ((axes,),) = style.new_figure(6.4, 4.0)
        axes.set_prop_cycle(color=style.CYCLE)
    steps, accuracy = certified_accuracy(radii, correct)
    (line,) = axes.step(steps, accuracy, where="post", linewidth=2, label=name)
    clean = correct.mean()
    axes.plot(0, clean, "o", color=line.get_color(), clip_on=False)
    axes.annotate(
        f"clean {clean:.1%}",
        (0, clean),
        xytext=(8, 6),
        textcoords="offset points",
        color=line.get_color(),
    )
    if epsilon is not None:
        _mark(axes, epsilon, np.mean(correct & (radii > epsilon)), line)
    _decorate(axes)
    if name is not None:
        axes.legend(frameon=False, loc="upper right")
    return axes.figure


def certified_accuracy(radii, correct):
    """The curve as steps.

    Args:
        radii: Array `(samples,)`.
        correct: Boolean array `(samples,)`.

    Returns:
        `(radii, accuracy)`: from each radius on, the accuracy is that one.
    """
    finite = np.sort(radii[correct & np.isfinite(radii)])
    left = correct.sum() - np.arange(len(finite) + 1)
    return np.concatenate([[0.0], finite]), left / len(radii)


def _mark(axes, epsilon, accuracy, line):
    """Lines from both axes to the point at `epsilon`."""
    axes.plot(
        [epsilon, epsilon, 0],
        [0, accuracy, accuracy],
        color=style.GREY,
        linewidth=0.8,
        linestyle=(0, (3, 3)),
    )
    axes.plot(epsilon, accuracy, "o", color=line.get_color())
    axes.annotate(
        f"{accuracy:.1%} at $\\epsilon$ = {epsilon:.3g}",
        (epsilon, accuracy),
        xytext=(8, 6),
        textcoords="offset points",
        color=style.INK,
    )


def _decorate(axes):
    from matplotlib.ticker import PercentFormatter

    style.tidy(axes)
    # Still open to the right, for another curve.
    axes.set_xlim(left=0, auto=True)
    # Room above 100 % for the number at the clean accuracy.
    axes.set_ylim(0, 1.06)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    style.entitle(axes, "Accuracy that no perturbation can break")
    style.label(
        axes, "radius of the perturbation ($\\ell_2$)", "certified accuracy"
    )


def _check(radii, correct):
    radii, correct = np.asarray(radii, "float64"), np.asarray(correct, bool)
    if radii.ndim != 1 or radii.shape != correct.shape or not len(radii):
        raise ValueError(
            "`radii` and `correct` should be arrays (samples,) of one length, "
            f"not empty. Received: shapes {radii.shape} and {correct.shape}"
        )
    return radii, correct
