"""What `predict` costs with the bottom logit beside a plain `predict`.

Both models hold the same network and run in turns within one process; the
ratio is that of their medians. The certificate is made before the clock runs,
and checked against the weights in every call, as it always is.

    python benchmarks/prediction.py --threads 1
"""

import measure
import numpy as np
from training_step import NETWORKS
from training_step import model_of

BAR = 1.05


def main():
    arguments = parse()
    measure.limit_threads(arguments.threads)
    rows = (
        row(arguments, name, xla)
        for name in arguments.networks
        for xla in arguments.xla
    )
    print(
        f"\nPrediction ({measure.clock_name(arguments)}) of "
        f"{arguments.samples} samples, batch {arguments.batch_size}, "
        f"{arguments.activation}. "
        f"{measure.machine(arguments.threads)}.\n"
    )
    measure.print_table(
        ("network", "plain (ms)", "GloRo (ms)", "time ratio", "bar"), rows
    )


def parse():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--samples", type=int, default=2560)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--activation", default="minmax")
    parser.add_argument(
        "--xla", nargs="+", choices=("off", "on"), default=["off", "on"]
    )
    parser.set_defaults(power_iterations=1)
    return parser.parse_args()


def row(arguments, name, xla):
    """One line of the table."""
    plain, gloro = (
        prediction(model_of(arguments, name, xla, kind), arguments)
        for kind in ("plain", "gloro")
    )
    plain, gloro = measure.interleaved(
        plain, gloro, seconds=arguments.seconds, cpu_time=arguments.cpu_time
    )
    return (
        f"{name}, XLA {xla}",
        f"{1e3 * plain:.1f}",
        f"{1e3 * gloro:.1f}",
        f"{gloro / plain:.3f}",
        f"{BAR:.2f}",
    )


def prediction(model, arguments):
    """A function that predicts all samples."""
    rng = np.random.default_rng(0)
    shape = (arguments.samples, *model.input_shape[1:])
    x = rng.uniform(size=shape).astype("float32")
    return lambda: model.predict(x, batch_size=arguments.batch_size, verbose=0)


if __name__ == "__main__":
    main()
