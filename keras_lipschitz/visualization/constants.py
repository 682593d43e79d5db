import numpy as np

from keras_lipschitz.visualization import style


def plot_constants(certificate):
    """The norm of every layer: what it attains and what is certified.

    The true norm lies between the two bars; where they end together the
    certificate is tight. The product over the layers of a plain chain is the
    Lipschitz constant of everything below the last layer.

    Args:
        certificate: A `Certificate`, from `GloroModel.certify`.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    layers = certificate.layers
    figure, ((axes,),) = style.new_figure(6.4, 1.5 + 0.5 * len(layers))
    rows = np.arange(len(layers))
    upper = np.array([layer.upper for layer in layers])
    lower = np.array([layer.lower for layer in layers])
    certified = "certified upper bound" if certificate.rigorous else "estimate"
    axes.barh(rows, upper, 0.62, color="#9ecae1", label=certified)
    axes.barh(rows, lower, 0.26, color=style.BLUE, label="attained")
    for row, value in zip(rows, upper, strict=True):
        axes.annotate(
            f"{value:#.4g}",
            (value, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=style.INK,
        )
    axes.set_yticks(rows, [layer.name for layer in layers])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    style.tidy(axes, grid="x")
    axes.tick_params(axis="y", labelcolor=style.INK)
    style.entitle(
        axes,
        f"Norm by layer; everything below the logits: "
        f"{certificate.body_constant:#.4g}",
    )
    figure.legend(loc="outside lower right", ncols=2, frameon=False)
    return figure
