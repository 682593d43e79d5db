"""What local bounds and losses on margins cost beside a GloRo step.

The same network is trained on the same batch with the global bound and
cross-entropy over the bottom class, and with other bounds and losses; where an
activation has thresholds, the GloRo net has it without. Compiled steps run in
turns within one process; a ratio is that of their medians. Peak memory is that
of a process for each.

    python benchmarks/local_step.py --threads 1
    python benchmarks/local_step.py --network 4C3F --only emma lmt cll
"""

import functools

import measure
from training_step import NETWORKS
from training_step import training_step

GLORO = "gloro"
# What a GloRo net has in the place of an activation with thresholds.
PLAIN = {"clipped_minmax": "minmax", "relu_theta": "relu"}
# Name: (largest ratio of times that we accept, of memory, how to make it).
KINDS = {
    "local": (4.0, 3.0, {"activation": "relu_theta", "bound": {}}),
    "local, ball only": (
        4.0,
        3.0,
        {"activation": "relu_theta", "bound": {"intervals": False}},
    ),
    "local, 2 iterations": (
        4.0,
        3.0,
        {"activation": "relu_theta", "bound": {"steps": 2}},
    ),
    "local, ball and box": (
        4.0,
        3.0,
        {
            "activation": "relu_theta",
            "bound": {"worst_case": "ball_and_box"},
        },
    ),
    "local, clipped MinMax": (
        4.0,
        3.0,
        {"activation": "clipped_minmax", "bound": {}},
    ),
    "local, worst case": (
        4.0,
        3.0,
        {
            "activation": "relu_theta",
            "bound": {},
            "loss": "worst_case_crossentropy",
        },
    ),
    # As the recipe for CIFAR-10 trains, the boxes differentiated.
    "local, CIFAR-10": (
        4.0,
        3.0,
        {
            "activation": "relu_theta",
            "bound": {
                "steps": 2,
                "power_iterations": 2,
                "worst_case": "ball_and_box",
                "box_gradient": True,
            },
            "loss": "worst_case_crossentropy",
            "kappa": 0.5,
        },
    ),
    "emma": (1.05, 1.05, {"loss": "emma"}),
    "lmt": (1.05, 1.05, {"loss": "lmt"}),
    "cll": (
        1.05,
        1.05,
        {"loss": "cll", "epsilon": 0.15, "p": 0.3, "regularization": 1e-6},
    ),
}
HEADER = ("step", "GloRo (ms)", "this (ms)", "time ratio", "bar", "memory")


def main():
    arguments = parse()
    measure.limit_threads(arguments.threads)
    if arguments.peak_memory_of:
        model = model_of(arguments, arguments.peak_memory_of)
        step = training_step(model, arguments)
        for _ in range(3):
            step()
        print(measure.peak_memory())
        return
    print(
        f"\nTraining step of {arguments.network} "
        f"({measure.clock_name(arguments)}), batch {arguments.batch_size}, "
        f"XLA {arguments.xla}. {measure.machine(arguments.threads)}.\n"
    )
    measure.print_table(HEADER, (row(arguments, k) for k in arguments.only))


def parse():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("--network", default="6C2F", choices=NETWORKS)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument(
        "--only", nargs="+", default=list(KINDS), metavar="STEP"
    )
    parser.add_argument("--xla", choices=("off", "on"), default="off")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument(
        "--peak-memory-of", help="print this one number (MiB), and end"
    )
    return parser.parse_args()


def row(arguments, kind):
    """One line of the table."""
    most, most_memory, made = KINDS[kind]
    baseline = GLORO + ":" + PLAIN.get(made.get("activation"), "relu")
    gloro, other = (
        training_step(model_of(arguments, k), arguments)
        for k in (baseline, kind)
    )
    gloro, other = measure.interleaved(
        gloro, other, seconds=arguments.seconds, cpu_time=arguments.cpu_time
    )
    return (
        kind,
        f"{1e3 * gloro:.1f}",
        f"{1e3 * other:.1f}",
        f"{other / gloro:.3f}",
        f"{most:.2f}",
        memory(arguments, baseline, kind, most_memory),
    )


def model_of(arguments, kind):
    """The compiled model of a kind, or of GloRo with an activation."""
    import keras

    import keras_lipschitz

    if kind.startswith(GLORO):
        made = {"activation": kind.split(":")[1]}
    else:
        made = dict(KINDS[kind][2])
    architecture, input_shape, _ = NETWORKS[arguments.network]
    keras.utils.set_random_seed(0)
    base = getattr(keras_lipschitz.models, architecture)(
        input_shape, 10, activation=made.pop("activation", "relu")
    )
    options = made.pop("bound", None)
    bound = (
        None
        if options is None
        else keras_lipschitz.bounds.LocalLipschitz(**options)
    )
    loss = keras_lipschitz.losses.get(
        made.pop("loss", "gloro_crossentropy"), **made
    )
    model = keras_lipschitz.GloroModel(base, epsilon=36 / 255, bound=bound)
    model.compile(
        "adam", loss=loss, metrics=["vra"], jit_compile=arguments.xla == "on"
    )
    return model


def memory(arguments, baseline, kind, most):
    """Ratio of the peak resident memory of two processes."""
    if arguments.no_memory:
        return ""
    options = (
        f"--network={arguments.network}",
        f"--threads={arguments.threads}",
        f"--batch-size={arguments.batch_size}",
        f"--xla={arguments.xla}",
    )
    gloro, other = (peak_memory_of(k, *options) for k in (baseline, kind))
    return f"{other / gloro:.2f} (bar {most:.2f}; GloRo {gloro:.0f} MiB)"


@functools.cache
def peak_memory_of(kind, *options):
    return measure.in_process(*options, f"--peak-memory-of={kind}")


if __name__ == "__main__":
    main()
