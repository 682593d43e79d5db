import numpy as np

from keras_lipschitz.visualization import style


def plot_radius_grid(
    images, labels, predictions, radii, columns=8, class_names=None
):
    """The images with the smallest and with the largest certified radius.

    Args:
        images: Array `(samples, height, width, channels)` with 1 or 3 channels
            and values in `[0, 1]`.
        labels: Integer array `(samples,)`.
        predictions: Integer array `(samples,)`; wrong ones are marked.
        radii: Array `(samples,)`, the certified radii.
        columns: Integer, images a row; two rows of each kind are shown.
        class_names: Sequence of names, or `None` for the numbers.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    images, labels, predictions, radii = _check(
        images, labels, predictions, radii
    )
    order = np.argsort(radii, kind="stable")
    shown = min(2 * columns, len(order) // 2)
    rows = -(-shown // columns)
    figure, _ = style.new_figure(1.05 * columns, 1.0 + 2.6 * rows, rows=1)
    figure.clear()
    parts = figure.subfigures(2, 1, hspace=0.04)
    for part, title, chosen in (
        (parts[0], "Smallest certified radius", order[:shown]),
        (parts[1], "Largest certified radius", order[::-1][:shown]),
    ):
        part.suptitle(title, x=0.01, ha="left", fontsize=11, color=style.INK)
        grid = part.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, i in zip(grid.flat, chosen, strict=False):
            _show(axes, images[i])
            right = predictions[i] == labels[i]
            axes.set_title(
                _caption(labels[i], predictions[i], radii[i], class_names),
                fontsize=8,
                pad=3,
                color=style.INK if right else style.ORANGE,
            )
    return figure


def _show(axes, image):
    gray = image.shape[-1] == 1
    axes.imshow(
        image[..., 0] if gray else image,
        cmap="gray_r" if gray else None,
        vmin=0.0,
        vmax=1.0,
    )


def _caption(label, prediction, radius, class_names):
    def name(k):
        return str(k if class_names is None else class_names[k])

    if prediction == label:
        return f"{name(label)}\n{radius:#.2g}"
    return f"{name(label)} taken for {name(prediction)}\n{radius:#.2g}"


def _check(images, labels, predictions, radii):
    images, labels, predictions, radii = map(
        np.asarray, (images, labels, predictions, radii)
    )
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "`images` should have shape (samples, height, width, channels) "
            f"with 1 or 3 channels. Received: shape {images.shape}"
        )
    shapes = {a.shape for a in (labels, predictions, radii)}
    if shapes != {images.shape[:1]} or len(images) < 2:
        raise ValueError(
            "`labels`, `predictions` and `radii` should have one entry for "
            "each of two images or more. Received: "
            f"{len(images)} images and shapes {sorted(shapes)}"
        )
    return images, labels, predictions, radii
