"""What an epoch of `fit` costs beside that of the same plain Keras model.

Both train on the same pipeline of made-up images and validate, the GloroModel
with everything that its recipe asks for: schedules, converged norms and the
certificate of each validation.

    python benchmarks/epoch.py --threads 2
"""

import os
import sys

import measure
from input_pipeline import ROOT
from input_pipeline import SHAPES
from input_pipeline import made_up

BAR = 1.2
HEADER = ("recipe", "plain (s)", "GloRo (s)", "ratio", "bar")


def main():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=["mnist_1.58"])
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=2, help="after the first")
    arguments = parser.parse_args()
    measure.limit_threads(arguments.threads)
    sys.path.append(os.path.join(ROOT, "examples"))
    rows = [row(name, arguments) for name in arguments.recipes]
    print(
        f"\nAn epoch of {arguments.samples} images "
        f"({measure.clock_name(arguments)}). "
        f"{measure.machine(arguments.threads)}\n"
    )
    measure.print_table(HEADER, rows)


def row(name, arguments):
    """One line of the table."""
    import train_gloro
    from recipes import RECIPES

    recipe = RECIPES[name]
    steps = arguments.samples // recipe.batch_size
    data = made_up(recipe, *SHAPES[name], steps)
    gloro = train_gloro.build(recipe, data)
    plain = plain_model(gloro.base)
    steer = train_gloro.callbacks(recipe, data)
    times = measure.interleaved(
        lambda: epoch(plain, data, []),
        lambda: epoch(gloro, data, steer),
        seconds=0,
        cpu_time=arguments.cpu_time,
        warm_up=1,
        at_least=arguments.epochs,
    )
    plain_time, gloro_time = times
    return (
        name,
        f"{plain_time:.1f}",
        f"{gloro_time:.1f}",
        f"{gloro_time / plain_time:.3f}",
        BAR,
    )


def plain_model(base):
    """The network of a GloroModel, compiled as anyone would."""
    import keras

    plain = keras.models.clone_model(base)
    plain.compile(
        "adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_accuracy"],
    )
    return plain


def epoch(model, data, callbacks):
    model.fit(
        data.train,
        validation_data=data.validation,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


if __name__ == "__main__":
    main()
