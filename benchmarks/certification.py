"""What proofs of spectral norms cost, and how tight they are.

Every line is a layer with random float32 weights; the last lines of a network
are its sum of seconds and its product of norms. `gap` is the proven upper bound
over the proven lower bound, less one.

    python benchmarks/certification.py --threads 2
"""

import time

import measure

KERNELS = ("normal", "flat", "low-pass")
# Taps, inputs, outputs, size of the map, stride.
CONVOLUTIONS = {
    "3x3x3x32 @32": (3, 3, 32, 32, 1),
    "3x3x32x32 @32": (3, 32, 32, 32, 1),
    "4x4x32x32 /2 @32": (4, 32, 32, 32, 2),
    "3x3x32x64 @16": (3, 32, 64, 16, 1),
    "3x3x64x64 @16": (3, 64, 64, 16, 1),
    "4x4x64x64 /2 @16": (4, 64, 64, 16, 2),
}
LARGE = {"3x3x256x256 @32": (3, 256, 256, 32, 1)}
DENSE = {"784x128": (784, 128)} | {
    f"128x128, {i}": (128, 128) for i in range(2, 9)
}
NETWORKS = {
    "dense 784-8x128-10": DENSE,
    "6C2F": CONVOLUTIONS | {"4096x512": (4096, 512)},
    "large": LARGE,
}
BARS = {"dense 784-8x128-10": 0.2, "6C2F": 20, "large": 40}
TIGHT = {"dense 784-8x128-10": 1.01, "6C2F": 1.03, "large": 1.01}


def main():
    arguments = parse()
    measure.limit_threads(arguments.threads)
    print(
        f"\nCertification ({measure.clock_name(arguments)}), "
        f"{arguments.kernel} kernels. {measure.machine(arguments.threads)}.\n"
    )
    measure.print_table(
        ("layer", "lower", "upper", "gap", "seconds", "method"),
        [r for name in arguments.networks for r in network(arguments, name)],
    )


def parse():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--kernel", choices=KERNELS, default="normal")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def network(arguments, name):
    """The lines of one network."""
    import numpy as np

    rng = np.random.default_rng(arguments.seed)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    lower, upper, seconds = 1.0, 1.0, 0.0
    for layer, shape in NETWORKS[name].items():
        norm, taken = measured(operator(rng, shape, arguments.kernel), clock)
        lower, upper = lower * norm.lower, upper * norm.upper
        seconds += taken
        yield line(layer, norm.lower, norm.upper, taken, norm.method)
    yield line(
        f"**{name}**",
        lower,
        upper,
        seconds,
        f"bars: {TIGHT[name] - 1:.0%}, {BARS[name]:g} s",
    )


def line(name, lower, upper, seconds, method):
    gap = upper / lower - 1
    return (
        name,
        f"{lower:.8g}",
        f"{upper:.8g}",
        f"{gap:.1e}",
        f"{seconds:.3f}",
        method,
    )


def measured(operator, clock):
    """The norm, and the shorter of two times where that is quick."""
    from keras_lipschitz.certification.norms.spectral_norm import spectral_norm

    times = []
    while len(times) < 2 and sum(times) < 1:
        start = clock()
        norm = spectral_norm(operator)
        times.append(clock() - start)
    return norm, min(times)


def operator(rng, shape, kind):
    """A layer with weights as they come, or as training tends to make them."""
    from keras_lipschitz.certification.norms.operators import (
        ConvolutionOperator,
    )
    from keras_lipschitz.certification.norms.operators import DenseOperator

    if len(shape) == 2:
        return DenseOperator(weights(rng, shape, kind).T)
    taps, inputs, outputs, size, stride = shape
    kernel = weights(rng, (taps, taps, inputs, outputs), kind)
    total = max((-(-size // stride) - 1) * stride + taps - size, 0)
    padding = (total // 2, total - total // 2)
    return ConvolutionOperator(
        kernel, (size,) * 2, (stride,) * 2, (padding,) * 2, (1, 1)
    )


def weights(rng, shape, kind):
    import numpy as np

    values = rng.standard_normal(shape) / np.prod(shape[:-1]) ** 0.5
    if kind == "flat":
        # All singular values of the kernel as a matrix are one.
        u, _, v = np.linalg.svd(
            values.reshape(-1, shape[-1]), full_matrices=False
        )
        values = (u @ v).reshape(shape)
    if kind == "low-pass" and len(shape) > 2:
        values = values + values.mean(axis=(0, 1))
    return values.astype("float32").astype("float64")


if __name__ == "__main__":
    main()
