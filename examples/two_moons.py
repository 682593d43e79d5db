"""Two moons: the bottom region at three radii, or slack at one radius.

    python examples/two_moons.py --output two_moons.png
    python examples/two_moons.py --loss cll --epochs 1000 --output slack.png

Where a point lies in a coloured region no other point within epsilon has
another colour: between the colours stays a band of at least twice epsilon.

With `--loss cll` a binary model of one logit learns with the calibrated
Lipschitz-margin loss: the smaller its slack `p`, the steeper network and loss
may be together, and the more is certified. Beside the picture it writes the
numbers as JSON and as a Markdown table.
"""

import argparse
import os

import numpy as np

RADII = (0.05, 0.15, 0.25)
# Of the experiment with slack, as the paper has them.
SLACKS = (0.75, 0.25, 0.01, 1e-4)
SLACK_RADIUS = 0.15
COLOURS = ("#4292c6", "#ef8a62", "#f2f2f2")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", choices=("gloro", "cll"), default="gloro")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="two_moons.png")
    arguments = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.datasets import make_moons

    x, y = make_moons(1000, noise=0.06, random_state=arguments.seed)
    panels = {"gloro": radii_panels, "cll": slack_panels}[arguments.loss]
    panels = panels(x.astype("float32"), y, arguments)
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(3.7 * len(panels), 2.9),
        layout="constrained",
        sharey=True,
    )
    for ax, (title, model) in zip(axes, panels.items(), strict=True):
        draw(ax, model, x, y, title)
    figure.savefig(arguments.output, dpi=150)
    print(arguments.output)


def radii_panels(x, y, arguments):
    """Dict from title to model: GloRo nets, trained at one radius each."""
    panels = {}
    for epsilon in RADII:
        model = trained("gloro_crossentropy", epsilon, x, y, arguments)
        vra = np.mean(model.predict_certified(x).label == y)
        print(f"epsilon {epsilon}: VRA {vra:.1%}")
        panels[f"$\\epsilon$ = {epsilon}, VRA {vra:.1%}"] = model
    return panels


def slack_panels(x, y, arguments):
    """Dict from title to model: one for each slack; writes the numbers."""
    import reporting

    from keras_lipschitz.losses import CalibratedLipschitzMargin

    panels, rows = {}, []
    for p in SLACKS:
        loss = CalibratedLipschitzMargin(
            SLACK_RADIUS, p, offset=1.0, regularization=1e-6
        )
        model = trained(loss, SLACK_RADIUS, x, y, arguments, binary=True)
        row = {"p": p, **slack_numbers(model, loss, x, y, arguments.seed)}
        print(row)
        rows.append(row)
        panels[f"p = {p:g}, VRA {row['vra']:.1%}"] = model
    table = reporting.markdown_table(
        [
            {
                "p": f"{row['p']:g}",
                "constant allowed": f"{row['allowed']:.1f}",
                "attained": f"{row['attained']:.1f}",
                "clean": reporting.percent(row["clean"]),
                "VRA": reporting.percent(row["vra"]),
                "median radius": f"{row['median_radius']:.3f}",
            }
            for row in rows
        ]
    )
    print(table)
    path = os.path.splitext(arguments.output)[0]
    content = {
        "epsilon": SLACK_RADIUS,
        "epochs": arguments.epochs,
        "seed": arguments.seed,
        "device": reporting.device(),
        "rows": rows,
    }
    reporting.write_json(path + ".json", content)
    with open(path + ".md", "w") as file:
        file.write(table + "\n")
    return panels


def slack_numbers(model, loss, x, y, seed):
    """What a slack led to, with constants of network and loss together."""
    from keras_lipschitz import evaluation

    label, radius = model.predict_certified(x)
    logits = model.predict(x, verbose=0)[:, :-1]
    found = evaluation.lipschitz_lower_bounds(model, x[:200], seed=seed)
    return {
        "allowed": 1 / loss.sigma,
        # By the constant of the margin, which the loss divides by.
        "attained": found.tightness / loss.sigma,
        "network": found.upper,
        "clean": float(np.mean(logits.argmax(axis=1) == y)),
        "vra": float(np.mean(label == y)),
        "median_radius": float(np.median(radius)),
    }


def trained(loss, epsilon, x, y, arguments, binary=False):
    """A net with three hidden layers, trained at one radius."""
    import keras

    import keras_lipschitz

    keras.utils.set_random_seed(arguments.seed)
    layers = [keras.Input((2,))]
    for _ in range(3):
        layers += [
            keras.layers.Dense(64, kernel_initializer="orthogonal"),
            keras_lipschitz.layers.MinMax(),
        ]
    if binary:
        layers += [
            keras.layers.Dense(1),
            keras_lipschitz.layers.BinaryLogits(),
        ]
    else:
        layers.append(keras.layers.Dense(2))
    model = keras_lipschitz.GloroModel(keras.Sequential(layers), epsilon)
    steps = arguments.epochs * -(-len(x) // 250)
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(5e-3, steps)
        ),
        loss=loss,
    )
    model.fit(x, y, batch_size=250, epochs=arguments.epochs, verbose=0)
    return model


def draw(axes, model, x, y, title):
    """The regions of the two classes and, between them, of the bottom."""
    from matplotlib.colors import ListedColormap

    low, high = x.min(axis=0) - 0.4, x.max(axis=0) + 0.4
    grid = np.meshgrid(
        np.linspace(low[0], high[0], 400), np.linspace(low[1], high[1], 300)
    )
    points = np.stack([g.ravel() for g in grid], axis=1).astype("float32")
    label = model.predict_certified(points, batch_size=5000).label
    regions = np.where(label < 0, 2, label).reshape(grid[0].shape)
    axes.pcolormesh(
        *grid,
        regions,
        cmap=ListedColormap(COLOURS),
        vmin=0,
        vmax=2,
        alpha=0.55,
        linewidth=0,
        rasterized=True,
    )
    for k in (0, 1):
        axes.scatter(
            *x[y == k].T, s=5, color=COLOURS[k], edgecolor="k", linewidth=0.2
        )
    axes.set_title(title, fontsize=11)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])


if __name__ == "__main__":
    main()
