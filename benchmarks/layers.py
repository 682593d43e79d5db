"""What a 1-Lipschitz convolution costs beside a plain one.

A training step (gradients of weights and input) and inference of every
convolution against `keras.layers.Conv2D` of the same shape, in turns within one
process; with `--peers` the layers of orthogonium and deel-torchlip that do the
same, on PyTorch, in the same run. Peak memory is that of a process for each.

    python benchmarks/layers.py --threads 1 --cpu-time
    python benchmarks/layers.py --image 32 --layers SOC AOL --peers
"""

import functools

import measure
from layer_models import inference
from layer_models import model_of
from layer_models import plain_of
from layer_models import training_step
from peer_layers import print_peers

HEADER = (
    "layer",
    "training (ms)",
    "ratio",
    "floor",
    "inference (ms)",
    "ratio",
    "plain form",
    "memory ratio",
)
# What the counts of multiplications know of a layer with 3 x 3 kernels and `c`
# channels on images of `n x n` pixels: those of a pass over the batch, in units
# of a plain convolution, and those of computing the kernel.
COUNTS = {
    "AOL": lambda c, n: (1, c**3 * 3**4),
    "SpectralRescaling": lambda c, n: (1, c**3 * (3**4 + 5**4)),
    "AdaptiveOrthogonal": lambda c, n: (1, 3 * c**3 + 2 * 9 * c**3),
    "LinearResidual": lambda c, n: (1, 0),
    "SOC": lambda c, n: (8, c**3 * (3**4 + 5**4)),
    "SLL": lambda c, n: (2, c**3 * 3**4),
    "CPL": lambda c, n: (2, 3 * n**2 * c**2 * 9),
    "Sandwich": lambda c, n: (2, 8 * (3 * c**3 + 2 * 9 * c**3)),
    "BRO": lambda c, n: (2 / 9 + 12 * n / (9 * c), 18 * n**2 * c**3),
}


def main():
    arguments = parse()
    measure.limit_threads(arguments.threads)
    if arguments.peak_memory_of:
        run_alone(arguments)
        return
    print(
        f"\n{arguments.channels} channels at {arguments.image} x "
        f"{arguments.image}, batch {arguments.batch_size} "
        f"({measure.clock_name(arguments)}). "
        f"{measure.machine(arguments.threads)}.\n"
    )
    measure.print_table(
        HEADER, (row(arguments, name) for name in arguments.layers)
    )
    print(
        "\nFloor: the multiplications of a training step over those of a plain "
        "one.\nPlain form: inference behind `to_plain`, where there is one."
    )
    if arguments.peers:
        print_peers(arguments)


def parse():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("--layers", nargs="*", default=list(COUNTS))
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--image", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--xla", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument(
        "--peak-memory-of", help="print this one number (MiB), and end"
    )
    return parser.parse_args()


def row(arguments, name):
    """One line of the table."""
    plain, ours = model_of(arguments, "plain"), model_of(arguments, name)
    timed = functools.partial(
        measure.interleaved,
        seconds=arguments.seconds / 2,
        cpu_time=arguments.cpu_time,
        at_least=5,
    )
    plain_step, step = timed(
        training_step(plain, arguments), training_step(ours, arguments)
    )
    functions = [inference(m, arguments) for m in (plain, ours)]
    plain_form = plain_of(ours)
    if plain_form is not None:
        functions.append(inference(plain_form, arguments))
    plain_time, time, *plain_form_time = timed(*functions)
    return (
        name,
        f"{1e3 * step:.1f}",
        f"{step / plain_step:.2f}",
        f"{floor(arguments, name):.2f}",
        f"{1e3 * time:.1f}",
        f"{time / plain_time:.2f}",
        f"{plain_form_time[0] / plain_time:.2f}" if plain_form_time else "-",
        "" if arguments.no_memory else f"{memory_ratio(arguments, name):.2f}",
    )


def floor(arguments, name):
    """The ratio that the count of multiplications alone would give."""
    channels, image = arguments.channels, arguments.image
    plain = arguments.batch_size * image**2 * channels**2 * 9
    passes, kernel = COUNTS[name](channels, image)
    return passes + kernel / plain


def memory_ratio(arguments, name):
    """Peak resident memory of two processes that train."""
    plain, ours = (
        measure.in_process(
            f"--threads={arguments.threads}",
            f"--batch-size={arguments.batch_size}",
            f"--image={arguments.image}",
            f"--channels={arguments.channels}",
            f"--peak-memory-of={kind}",
            *(["--xla"] if arguments.xla else []),
        )
        for kind in ("plain", name)
    )
    return ours / plain


def run_alone(arguments):
    step = training_step(
        model_of(arguments, arguments.peak_memory_of), arguments
    )
    for _ in range(3):
        step()
    print(measure.peak_memory())


if __name__ == "__main__":
    main()
