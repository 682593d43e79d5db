"""What a step of interval bound propagation costs beside a plain one.

The network is the deep one of `examples/ibp_recipes.py` for MNIST, without
normalization: five convolutions, two dense layers. It is trained on the same
batch plainly, with cross-entropy, and as a GloroModel with an `IntervalBound`
and the worst case alone, in both precisions. Compiled steps run in turns within
one process; ratios are those of their medians.

    python benchmarks/interval_step.py --threads 1 --cpu-time
"""

import dataclasses
import pathlib
import sys

import measure
from training_step import multiplications
from training_step import training_step

RECIPE = "mnist_0.3_ibp_deep"
INPUT_SHAPE, CLASSES = (28, 28, 1), 10
PRECISIONS = ("float32", "mixed_bfloat16")
HEADER = ("precision", "plain (ms)", "intervals (ms)", "time ratio", "floor")


def main():
    arguments = parse()
    measure.limit_threads(arguments.threads)
    kinds = [(p, kind) for p in PRECISIONS for kind in ("plain", "intervals")]
    models = [model_of(arguments, *kind) for kind in kinds]
    lowest = floor(models[0])
    times = measure.interleaved(
        *(training_step(model, arguments) for model in models),
        seconds=arguments.seconds,
        cpu_time=arguments.cpu_time,
    )
    print(
        f"\nTraining step ({measure.clock_name(arguments)}), batch "
        f"{arguments.batch_size}, XLA {arguments.xla}. "
        f"{measure.machine(arguments.threads)}.\n"
    )
    measure.print_table(
        HEADER,
        (
            (
                precision,
                f"{1e3 * plain:.1f}",
                f"{1e3 * intervals:.1f}",
                f"{intervals / plain:.2f}",
                f"{lowest:.2f}",
            )
            for precision, plain, intervals in zip(
                PRECISIONS, times[::2], times[1::2], strict=True
            )
        ),
    )
    print(
        "\nFloor: the multiplications of middle and radius, forward and "
        "backward, and of the\nlogits, over those of a plain step."
    )


def parse():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--xla", choices=("off", "on"), default="off")
    return parser.parse_args()


def model_of(arguments, precision, kind):
    """The compiled model: `kind` is `"plain"` or `"intervals"`."""
    import keras

    import keras_lipschitz

    sys.path.append(str(pathlib.Path(__file__).parents[1] / "examples"))
    from ibp_recipes import RECIPES
    from ibp_recipes import conv_net

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(precision)
    recipe = dataclasses.replace(RECIPES[RECIPE], normalized=False)
    model = conv_net(INPUT_SHAPE, CLASSES, recipe)
    keras.config.set_dtype_policy("float32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = "sparse_categorical_accuracy"
    if kind == "intervals":
        bound = keras_lipschitz.bounds.IntervalBound((0.0, 1.0))
        model = keras_lipschitz.GloroModel(model, recipe.epsilon, bound=bound)
        loss = keras_lipschitz.losses.WorstCaseCrossentropy(None)
        metric = "vra"
    jit_compile = arguments.xla == "on"
    model.compile("adam", loss, metrics=[metric], jit_compile=jit_compile)
    return model


def floor(model):
    """The ratio that the count of multiplications alone would give."""
    first, *others = (
        multiplications(layer)
        for layer in model.layers
        if multiplications(layer)
    )
    # Nothing is learned before the first kernel, which stays.
    plain = first + 3 * sum(others)
    return (3 * first + 7 * sum(others)) / plain


if __name__ == "__main__":
    main()
