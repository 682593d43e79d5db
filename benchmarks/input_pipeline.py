"""Whether a training step has to wait for its data.

For each recipe: the time of a batch from the input pipeline alone, of a step on
a batch that is already there, and of a step of `fit` with both. The pipeline
prefetches, so the last should be hardly more than the larger of the others.

    python benchmarks/input_pipeline.py --threads 2
"""

import os
import sys
import tempfile
import time

import measure

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Recipe: shape of its images, samples in the training set that we make up.
SHAPES = {
    "mnist_0.3": ((28, 28, 1), 10),
    "mnist_1.58": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "tiny_imagenet": ((64, 64, 3), 200),
}
HEADER = (
    "recipe",
    "pipeline (ms)",
    "step (ms)",
    "fit (ms)",
    "waiting",
)
# Share of a step that it may wait for its data.
BAR = 0.05


def main():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(SHAPES))
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    measure.limit_threads(arguments.threads)
    sys.path.append(os.path.join(ROOT, "examples"))
    rows = [row(name, arguments.steps) for name in arguments.recipes]
    print(f"\n{measure.machine(arguments.threads)}\n")
    measure.print_table(HEADER, rows)
    print(
        "\nWaiting: what `fit` takes more than the step alone, as a share of "
        f"it (bar {BAR:.0%}).\nOn a CPU both share the cores: there the "
        "pipeline's own time counts as well."
    )


def row(name, steps):
    """One line of the table."""
    import train_gloro
    from recipes import RECIPES

    recipe = RECIPES[name]
    data = made_up(recipe, *SHAPES[name], steps)
    model = train_gloro.build(recipe, data)
    x, y = next(iter(data.train))
    model.fit(data.train, verbose=0, shuffle=False)
    alone = per_step(lambda: consume(data.train), steps)
    step = per_step(lambda: fit_on(model, x, y, steps), steps)
    both = per_step(
        lambda: model.fit(data.train, verbose=0, shuffle=False), steps
    )
    waiting = max(0.0, both / step - 1)
    times = [f"{1e3 * seconds:.1f}" for seconds in (alone, step, both)]
    return (name, *times, f"{waiting:.0%}")


def made_up(recipe, shape, classes, steps):
    """Random images of the right shape: contents do not matter here."""
    import numpy as np

    from keras_lipschitz import datasets

    rng = np.random.default_rng(0)
    count = steps * recipe.batch_size
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "data.npz")
        np.savez(
            path,
            x_train=rng.integers(0, 256, (count + 1, *shape), np.uint8),
            y_train=rng.integers(0, classes, count + 1),
            x_test=np.zeros((classes, *shape), np.uint8),
            y_test=np.arange(classes),
        )
        return datasets.load(
            f"npz:{path}",
            validation=1,
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation,
        )


def consume(batches):
    for _ in batches:
        pass


def fit_on(model, x, y, steps):
    """An epoch of the same batch, again and again."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        batches = tf.data.Dataset.from_tensors((x, y)).repeat(steps)
        model.fit(batches, verbose=0, shuffle=False)
    else:
        for _ in range(steps):
            model.train_on_batch(x, y)


def per_step(epoch, steps, repetitions=3):
    """Seconds of a step, in the fastest of some epochs."""
    seconds = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        epoch()
        seconds.append(time.perf_counter() - begin)
    return min(seconds) / steps


if __name__ == "__main__":
    main()
