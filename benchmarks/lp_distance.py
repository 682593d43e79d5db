"""Distances in an l_p norm against torch.cdist and SciPy's cdist.

Each backend runs in a process of its own, in turns with torch.cdist; the
ratios are of medians of that process. torch.cdist returns infinity and NaN at
large p: its time there is printed all the same. Memory is what a call needs
at its peak beyond its arguments and results, once it is compiled.
"""

import argparse
import ctypes
import gc
import os
import statistics
import subprocess
import sys
import time

import measure

SHAPES = [(128, 1024, 1024), (256, 784, 2048)]
NORMS = [float("inf"), 8.0, 1000.0]
PARTS = ["inference", "training", "backward"]
BACKENDS = ["tensorflow", "jax", "torch"]


def arrays(shape):
    import numpy as np

    rows, inputs, columns = shape
    random = np.random.default_rng(0)
    sizes = (rows, inputs), (inputs, columns), (rows, columns)
    return [random.normal(size=size).astype("float32") for size in sizes]


def anchors(shape, p):
    """The parts of torch.cdist, as functions without arguments."""
    import torch

    x, w, g = map(torch.tensor, arrays(shape))
    w = w.mT.contiguous()
    xw = x.clone().requires_grad_(), w.clone().requires_grad_()
    y = torch.cdist(*xw, p=p)

    def backward():
        return torch.autograd.grad(y, xw, g, retain_graph=True)

    return {
        "inference": lambda: torch.cdist(x, w, p=p),
        "training": lambda: torch.cdist(*xw, p=p),
        "backward": backward,
    }


def tensorflow_parts(shape, p):
    import tensorflow as tf

    from keras_lipschitz.ops import lp_distance

    x, w, g = map(tf.constant, arrays(shape))
    p = tf.constant(p)
    inference = tf.function(lambda: lp_distance(x, w, p), autograph=False)
    forward = tf.function(
        lambda x, w: lp_distance(x, w, p, training=True), autograph=False
    )
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((x, w))
        y = forward(x, w)
    return {
        "inference": inference,
        "training": lambda: forward(x, w),
        "backward": lambda: tape.gradient(y, (x, w), output_gradients=g),
    }


def jax_parts(shape, p):
    import jax

    from keras_lipschitz.ops import lp_distance

    x, w, g = map(jax.numpy.asarray, arrays(shape))
    p = jax.numpy.asarray(p)
    inference = jax.jit(lp_distance)
    forward = jax.jit(
        lambda x, w, p: jax.vjp(lambda x, w: lp_distance(x, w, p), x, w)
    )
    backward = jax.jit(lambda pull_back, g: pull_back(g))
    _, pull_back = forward(x, w, p)
    wait = jax.block_until_ready
    return {
        "inference": lambda: wait(inference(x, w, p)),
        "training": lambda: wait(forward(x, w, p)),
        "backward": lambda: wait(backward(pull_back, g)),
    }


def torch_parts(shape, p):
    import torch

    from keras_lipschitz.ops import lp_distance

    x, w, g = map(torch.tensor, arrays(shape))
    p = torch.tensor(p)
    xw = x.clone().requires_grad_(), w.clone().requires_grad_()
    y = lp_distance(*xw, p)

    def backward():
        return torch.autograd.grad(y, xw, g, retain_graph=True)

    return {
        "inference": lambda: lp_distance(x, w, p),
        "training": lambda: lp_distance(*xw, p),
        "backward": backward,
    }


def parts(shape, p):
    import keras

    return globals()[f"{keras.backend.backend()}_parts"](shape, p)


def scipy_seconds(shape, p, runs=3):
    """Median time of SciPy, in float64 and on one core."""
    import scipy.spatial

    x, w, _ = arrays(shape)
    metric = {"metric": "minkowski", "p": p}
    if p == float("inf"):
        metric = {"metric": "chebyshev"}
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        scipy.spatial.distance.cdist(x, w.T, **metric)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def megabytes(shape, p, part):
    """Peak memory of a call beyond its arguments and results."""
    run = parts(shape, p)[part]
    run()
    gc.collect()
    # What was freed before counts as free, and the peak from here on.
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = measure.peak_memory()
    _held = run()
    grown = measure.peak_memory() - before
    rows, inputs, columns = shape
    entries = rows * columns
    if part == "backward":
        entries = inputs * (rows + columns)
    return grown - 4 * entries / 2**20


def rows_of_table(arguments):
    for shape in SHAPES:
        for p in NORMS:
            ours, theirs = parts(shape, p), anchors(shape, p)
            for part in PARTS:
                yield _row(shape, p, part, ours[part], theirs[part], arguments)


def _row(shape, p, part, ours, theirs, arguments):
    seconds, anchor = measure.interleaved(
        ours,
        theirs,
        seconds=arguments.seconds,
        cpu_time=arguments.cpu_time,
        warm_up=1,
        at_least=3,
        unseen=1,
    )
    slow = "-"
    if part == "inference" and arguments.scipy:
        slow = f"{scipy_seconds(shape, p) / seconds:.1f}"
    memory = "-"
    if not arguments.no_memory:
        memory = f"{_megabytes_in_process(shape, p, part, arguments):.0f}"
    rows, inputs, columns = shape
    return [
        " x ".join(map(str, shape)),
        f"{p:g}",
        part,
        f"{1e3 * seconds:.1f}",
        f"{rows * inputs * columns / seconds / 1e9:.1f}",
        f"{anchor / seconds:.1f}",
        slow,
        memory,
    ]


def _megabytes_in_process(shape, p, part, arguments):
    # Or TensorFlow keeps what it has freed.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    return measure.in_process(
        "--threads", arguments.threads, "--memory", *shape, p, part
    )


HEADER = [
    "rows x inputs x columns",
    "p",
    "part",
    "ms",
    "G pairs/s",
    "times as fast as torch.cdist",
    "as SciPy",
    "MiB",
]


def one_backend(arguments):
    import torch

    torch.set_num_threads(arguments.threads)
    clock = measure.clock_name(arguments)
    print(f"{measure.machine(arguments.threads)}; {clock}", end="\n\n")
    measure.print_table(HEADER, rows_of_table(arguments))
    print()


def main():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.set_defaults(seconds=3.0)
    parser.add_argument(
        "--backends", nargs="+", choices=BACKENDS, default=BACKENDS
    )
    parser.add_argument("--scipy", action="store_true", help="time SciPy too")
    parser.add_argument("--no-memory", action="store_true", help="time only")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    measure.limit_threads(arguments.threads)
    if arguments.memory:
        *shape, p, part = arguments.memory
        print(megabytes(tuple(map(int, shape)), float(p), part))
    elif not arguments.one:
        for backend in arguments.backends:
            command = [sys.executable, *sys.argv, "--one"]
            environment = {
                **os.environ,
                "KERAS_BACKEND": backend,
                # Or threads of torch.cdist wait, busy, while we compute.
                "OMP_WAIT_POLICY": "passive",
            }
            subprocess.run(command, env=environment, check=True)
    else:
        one_backend(arguments)


if __name__ == "__main__":
    main()
