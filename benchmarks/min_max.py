"""MinMax against ReLU: forward and backward, on arrays of the same shape.

Both read their input and write their output, then read the input (or what was
kept of it) and the incoming gradient and write a gradient: counted by memory
traffic alone, the ratio would be 1.

Prints the ratio of the medians of a pairing and ReLU, run in turns.
"""

import measure

SHAPES = [(256, 28, 28, 32), (256, 14, 14, 64), (256, 7, 7, 128), (256, 512)]
PAIRINGS = ["halves", "adjacent"]


def step(activation, x, gradient, jit_compile):
    """A function without arguments that runs forward and backward."""
    import tensorflow as tf

    @tf.function(jit_compile=jit_compile)
    def forward_and_backward(x, gradient):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = activation(x, training=True)
        return y, tape.gradient(y, x, output_gradients=gradient)

    return lambda: forward_and_backward(x, gradient)[1].numpy()


def measured(shape, jit_compile, seconds):
    """Milliseconds of ReLU, and the ratio of each pairing to it."""
    import keras
    import tensorflow as tf

    import keras_lipschitz as kl

    x, gradient = tf.random.normal(shape), tf.random.normal(shape)
    relu = step(keras.layers.ReLU(), x, gradient, jit_compile)
    times, ratios = [], []
    for pairing in PAIRINGS:
        ours = step(kl.layers.MinMax(pairing), x, gradient, jit_compile)
        medians = measure.interleaved(relu, ours, seconds=seconds)
        times.append(1e3 * medians[0])
        ratios.append(medians[1] / medians[0])
    return min(times), ratios


def main():
    arguments = measure.parser(__doc__.splitlines()[0])
    arguments.set_defaults(threads=1, seconds=5.0)
    arguments = arguments.parse_args()
    measure.limit_threads(arguments.threads)
    print(measure.machine(arguments.threads), end="\n\n")
    rows = []
    for jit_compile in (False, True):
        for shape in SHAPES:
            relu, ratios = measured(shape, jit_compile, arguments.seconds)
            rows.append(
                [
                    " x ".join(map(str, shape)),
                    "yes" if jit_compile else "no",
                    f"{relu:.2f}",
                    *(f"{ratio:.2f}" for ratio in ratios),
                    "1.00",
                ]
            )
    header = ["shape", "XLA", "ReLU, ms"]
    header += [f"MinMax {pairing} / ReLU" for pairing in PAIRINGS]
    measure.print_table([*header, "floor"], rows)


if __name__ == "__main__":
    main()
