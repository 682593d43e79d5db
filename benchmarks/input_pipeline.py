"""Whether a training step has to wait for its data.

For each recipe: the time of a batch from the input pipeline alone, of a step on
a batch that is already there, and of a step of `fit` with both. The pipeline
prefetches, so the last should be hardly more than the larger of the others.

    python benchmarks/input_pipeline.py --threads 2
"""

import os
import sys
import tempfile

import measure

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Recipe: shape of its images, samples in the training set that we make up.
SHAPES = {
    "mnist_0.3": ((28, 28, 1), 10),
    "mnist_1.58": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "cifar10_orthogonal": ((32, 32, 3), 10),
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
    parser.add_argument(
        "--steps", type=int, default=150, help="of an epoch; its start counts"
    )
    arguments = parser.parse_args()
    measure.limit_threads(arguments.threads)
    sys.path.append(os.path.join(ROOT, "examples"))
    rows = [row(name, arguments) for name in arguments.recipes]
    print(f"\n{measure.machine(arguments.threads)}")
    print(f"{measure.clock_name(arguments)}\n")
    measure.print_table(HEADER, rows)
    print(
        "\nWaiting: what `fit` takes more than the step alone, as a share of "
        f"it (bar {BAR:.0%}).\nOn a CPU both share the cores: there the "
        "pipeline's own time counts as well."
    )


def row(name, arguments):
    """One line of the table."""
    import train_gloro
    from recipes import RECIPES

    recipe = RECIPES[name]
    data = made_up(recipe, *SHAPES[name], arguments.steps)
    model = train_gloro.build(recipe, data)
    same = repeated(data.train, arguments.steps)
    alone, step, both = measure.interleaved(
        lambda: consume(data.train),
        lambda: model.fit(same, verbose=0, shuffle=False),
        lambda: model.fit(data.train, verbose=0, shuffle=False),
        seconds=arguments.seconds,
        cpu_time=arguments.cpu_time,
        warm_up=2,
        at_least=5,
    )
    waiting = max(0.0, both / step - 1)
    per_step = (seconds / arguments.steps for seconds in (alone, step, both))
    times = [f"{1e3 * seconds:.1f}" for seconds in per_step]
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


def repeated(batches, steps):
    """The first batch again and again: data that costs nothing."""
    import tensorflow as tf

    first = next(iter(batches))
    return tf.data.Dataset.from_tensors(first).repeat(steps)


if __name__ == "__main__":
    main()
