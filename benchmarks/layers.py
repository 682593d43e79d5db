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
import numpy as np

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
PEERS = {
    "AOL": "orthogonium.layers.conv.AOL.aol.AOLConv2D",
    "AdaptiveOrthogonal": "orthogonium.layers.AdaptiveOrthoConv2d",
    "SOC": "orthogonium.layers.conv.adaptiveSOC.fast_skew_ortho_conv.FastSOC",
    "SLL": "orthogonium.layers.conv.SLL.sll_layer.SDPBasedLipschitzResBlock",
    # Reshaped kernel and Bjorck: the convolution that deel-torchlip has.
    "RKO": "deel.torchlip.SpectralConv2d",
}
# Theirs has three terms, as a kernel of 7 x 7.
AS_THEIRS = {"SOC": {"terms": 3}}


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


def model_of(arguments, name, **kwargs):
    """A compiled model of a cheap layer and the layer under test."""
    import keras

    from keras_lipschitz import layers

    channels = arguments.channels
    if name == "plain":
        layer = keras.layers.Conv2D(channels, 3, padding="same")
    else:
        layer_class = getattr(layers, f"{name}Conv2D")
        layer = layer_class(channels, 3, padding="same", **kwargs)
    shape = (arguments.image, arguments.image, channels)
    # Below the layer, so that a step needs the gradient of its input.
    below = layers.Scaling()
    model = keras.Sequential([keras.Input(shape), below, layer])
    model.compile("sgd", "mse", jit_compile=arguments.xla)
    return model


def plain_of(model):
    """The model behind `to_plain`, or `None` where that changes nothing."""
    from keras_lipschitz.models import to_plain

    plain = to_plain(model, residual=True)
    changed = type(plain.layers[-1]) is not type(model.layers[-1])
    return plain if changed else None


def batch(arguments):
    shape = (
        arguments.batch_size,
        arguments.image,
        arguments.image,
        arguments.channels,
    )
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def training_step(model, arguments):
    """A function that runs one step, the way `fit` does."""
    import keras

    x = batch(arguments)
    if keras.backend.backend() != "tensorflow":
        return lambda: model.train_on_batch(x, x)
    import tensorflow as tf

    batches = iter(tf.data.Dataset.from_tensors((x, x)).repeat())
    model.make_train_function()
    return lambda: float(model.train_function(batches)["loss"])


def inference(model, arguments):
    """A function that runs the network on a batch, compiled."""
    x = batch(arguments)
    return lambda: model.predict_on_batch(x)


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


def print_peers(arguments):
    """The same layers of other libraries, and ours, step by step."""
    import torch

    torch.set_num_threads(arguments.threads)
    print(f"\nPyTorch {torch.__version__}, same shapes:\n")
    header = (
        "layer",
        "theirs: training (ms)",
        "over torch Conv2d",
        "ours (ms)",
        "ours over theirs",
    )
    measure.print_table(header, (peer_row(arguments, name) for name in PEERS))


def peer_row(arguments, name):
    import torch

    channels = arguments.channels
    plain = torch.nn.Conv2d(channels, channels, 3, padding=1)
    ours = "AdaptiveOrthogonal" if name == "RKO" else name
    times = measure.interleaved(
        torch_step(plain, arguments),
        torch_step(peer_layer(name, channels), arguments),
        training_step(
            model_of(arguments, ours, **AS_THEIRS.get(name, {})), arguments
        ),
        seconds=arguments.seconds,
        cpu_time=arguments.cpu_time,
        at_least=5,
    )
    plain, theirs, mine = times
    return (
        f"{name} ({PEERS[name].partition('.')[0]})",
        f"{1e3 * theirs:.1f}",
        f"{theirs / plain:.2f}",
        f"{1e3 * mine:.1f} ({ours})",
        f"{mine / theirs:.2f}",
    )


def peer_layer(name, channels):
    """A layer of another library, by its path."""
    import importlib

    module, _, cls = PEERS[name].rpartition(".")
    cls = getattr(importlib.import_module(module), cls)
    if name == "SLL":
        return cls(channels, 1, 3)
    if name == "SOC":
        return cls(channels, channels, 3, padding=3, padding_mode="zeros")
    return cls(channels, channels, 3, padding=1)


def torch_step(layer, arguments):
    """A function that runs one step of a PyTorch layer."""
    import torch

    x = torch.from_numpy(batch(arguments)).permute(0, 3, 1, 2).contiguous()
    x.requires_grad_()
    target = x.detach()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(layer(x), target)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


if __name__ == "__main__":
    main()
