"""What a training step of GloroModel costs beside a plain one.

The same network is trained twice on the same batch: plainly with
cross-entropy, and as a GloroModel with cross-entropy over the bottom class.
Compiled steps run in turns within one process; the ratio is that of their
medians. Peak memory is that of a process for each.

    python benchmarks/training_step.py --threads 1
    KERAS_BACKEND=jax python benchmarks/training_step.py 2C2F --xla on
"""

import math

import measure
import numpy as np

# Name: (architecture, input shape, largest ratio of times that we accept).
NETWORKS = {
    "2C2F": ("cnn_2c2f", (28, 28, 1), 1.10),
    "4C3F": ("cnn_4c3f", (28, 28, 1), 1.05),
    "6C2F": ("cnn_6c2f", (32, 32, 3), 1.05),
}
CLASSES = 10
HEADER = (
    "network",
    "plain (ms)",
    "GloRo (ms)",
    "time ratio",
    "bar",
    "floor",
    "memory ratio (bar 1.1)",
)


def main():
    arguments = parse()
    measure.limit_threads(arguments.threads)
    if arguments.peak_memory_of:
        print_peak_memory(arguments)
        return
    rows = (
        row(arguments, name, xla)
        for name in arguments.networks
        for xla in arguments.xla
    )
    print(
        f"\nTraining step ({measure.clock_name(arguments)}), batch "
        f"{arguments.batch_size}, {arguments.activation}, "
        f"{arguments.power_iterations} power iteration(s). "
        f"{measure.machine(arguments.threads)}.\n"
    )
    measure.print_table(HEADER, rows)
    print(
        "\nFloor: one plus the multiplications that the power method adds "
        "(those of a batch\nof one) over the multiplications of a plain step."
    )


def parse():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--activation", default="minmax")
    parser.add_argument("--power-iterations", type=int, default=1)
    parser.add_argument(
        "--xla", nargs="+", choices=("off", "on"), default=["off", "on"]
    )
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument(
        "--peak-memory-of",
        choices=("plain", "gloro"),
        help="print this one number (MiB) for the network, and end",
    )
    return parser.parse_args()


def row(arguments, name, xla):
    """One line of the table."""
    plain, gloro = (
        training_step(model_of(arguments, name, xla, kind), arguments)
        for kind in ("plain", "gloro")
    )
    plain, gloro = measure.interleaved(
        plain, gloro, seconds=arguments.seconds, cpu_time=arguments.cpu_time
    )
    return (
        f"{name}, XLA {xla}",
        f"{1e3 * plain:.2f}",
        f"{1e3 * gloro:.2f}",
        f"{gloro / plain:.3f}",
        f"{NETWORKS[name][2]:.2f}",
        f"{floor(model_of(arguments, name, xla, 'plain'), arguments):.3f}",
        "" if arguments.no_memory else memory(arguments, name, xla),
    )


def model_of(arguments, name, xla, kind):
    """The compiled model: `kind` is `"plain"` or `"gloro"`."""
    import keras

    import keras_lipschitz

    architecture, input_shape, _ = NETWORKS[name]
    keras.utils.set_random_seed(0)
    base = getattr(keras_lipschitz.models, architecture)(
        input_shape, CLASSES, activation=arguments.activation
    )
    if kind == "plain":
        base.compile(
            "adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["sparse_categorical_accuracy"],
            jit_compile=xla == "on",
        )
        return base
    bound = keras_lipschitz.bounds.GlobalLipschitz(
        power_iterations=arguments.power_iterations
    )
    model = keras_lipschitz.GloroModel(base, epsilon=0.3, bound=bound)
    model.compile(
        "adam",
        loss="gloro_crossentropy",
        metrics=["vra"],
        jit_compile=xla == "on",
    )
    return model


def training_step(model, arguments):
    """A function that runs one step, the way `fit` does."""
    import keras

    rng = np.random.default_rng(0)
    shape = (arguments.batch_size, *model.input_shape[1:])
    x = rng.uniform(size=shape).astype("float32")
    y = rng.integers(CLASSES, size=arguments.batch_size)
    if keras.backend.backend() != "tensorflow":
        return lambda: model.train_on_batch(x, y)
    import tensorflow as tf

    batches = iter(tf.data.Dataset.from_tensors((x, y)).repeat())
    model.make_train_function()
    return lambda: float(model.train_function(batches)["loss"])


def floor(model, arguments):
    """The ratio that the count of multiplications alone would give."""
    per_sample = [multiplications(layer) for layer in model.layers]
    # Forward, and backward into the input and into the kernel.
    plain = 3 * arguments.batch_size * sum(per_sample)
    # Adjoint and map in each iteration, and backward into the kernel; the
    # last layer needs none.
    added = (2 * arguments.power_iterations + 1) * sum(per_sample[:-1])
    return 1 + added / plain


def multiplications(layer):
    """Multiplications of a layer's forward pass for one sample."""
    if not hasattr(layer, "kernel"):
        return 0
    positions = math.prod(layer.output.shape[1:-1])
    return positions * math.prod(layer.kernel.shape)


def memory(arguments, name, xla):
    """Ratio of the peak resident memory of two processes, and the plain one."""
    plain, gloro = (
        measure.in_process(
            name,
            f"--threads={arguments.threads}",
            f"--batch-size={arguments.batch_size}",
            f"--activation={arguments.activation}",
            f"--power-iterations={arguments.power_iterations}",
            f"--xla={xla}",
            f"--peak-memory-of={kind}",
        )
        for kind in ("plain", "gloro")
    )
    return f"{gloro / plain:.3f} ({plain:.0f} MiB)"


def print_peak_memory(arguments):
    (name,), (xla,) = arguments.networks, arguments.xla
    model = model_of(arguments, name, xla, arguments.peak_memory_of)
    step = training_step(model, arguments)
    for _ in range(10):
        step()
    print(measure.peak_memory())


if __name__ == "__main__":
    main()
