"""Decision regions of a GloRo net with the bottom region, at three radii.

    python examples/two_moons.py --output two_moons.png

Where a point lies in a coloured region no other point within epsilon has
another colour: between the colours stays a band of at least twice epsilon.
"""

import argparse

import numpy as np

RADII = (0.05, 0.15, 0.25)
COLOURS = ("#4292c6", "#ef8a62", "#f2f2f2")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="two_moons.png")
    arguments = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.datasets import make_moons

    x, y = make_moons(1000, noise=0.06, random_state=arguments.seed)
    figure, panels = plt.subplots(
        1, len(RADII), figsize=(11, 2.9), layout="constrained", sharey=True
    )
    for axes, epsilon in zip(panels, RADII, strict=True):
        model = trained(x, y, epsilon, arguments)
        vra = np.mean(model.predict_certified(x).label == y)
        print(f"epsilon {epsilon}: VRA {vra:.1%}")
        draw(axes, model, x, y, f"$\\epsilon$ = {epsilon}, VRA {vra:.1%}")
    figure.savefig(arguments.output, dpi=150)
    print(arguments.output)


def trained(x, y, epsilon, arguments):
    """A GloRo net with three hidden layers, trained at one radius."""
    import keras

    import keras_lipschitz

    keras.utils.set_random_seed(arguments.seed)
    layers = [keras.Input((2,))]
    for _ in range(3):
        layers += [
            keras.layers.Dense(64, kernel_initializer="orthogonal"),
            keras_lipschitz.layers.MinMax(),
        ]
    base = keras.Sequential([*layers, keras.layers.Dense(2)])
    model = keras_lipschitz.GloroModel(base, epsilon)
    steps = arguments.epochs * -(-len(x) // 250)
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(5e-3, steps)
        ),
        loss="gloro_crossentropy",
    )
    model.fit(
        x.astype("float32"),
        y,
        batch_size=250,
        epochs=arguments.epochs,
        verbose=0,
    )
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
