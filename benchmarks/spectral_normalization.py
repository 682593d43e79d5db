"""What `keras.layers.SpectralNormalization` bounds, and what it does not.

Wraps convolutions, lets the wrapper converge over many training calls, and
measures two norms: that of the reshaped kernel, which it divides by, and that
of the operator, which decides how far an image can be moved. Beside it the
same kernels behind `AOLConv2D`.

    python benchmarks/spectral_normalization.py
"""

import argparse

import measure
import numpy as np

# Kernel size, stride, padding, initializer of the kernel.
CASES = [
    (3, 1, "same", "glorot_uniform"),
    (3, 1, "same", "random_uniform"),
    (3, 2, "same", "glorot_uniform"),
    (3, 2, "same", "random_uniform"),
    (5, 1, "same", "glorot_uniform"),
    (5, 1, "same", "random_uniform"),
    (7, 1, "same", "random_uniform"),
    (2, 2, "valid", "random_uniform"),
]
HEADER = (
    "kernel, stride, weights",
    "reshaped kernel, 1 call",
    "reshaped kernel",
    "operator norm",
    "AOLConv2D",
)


def main():
    arguments = parse()
    print(
        f"\n{arguments.channels} channels at {arguments.image} x "
        f"{arguments.image}, {arguments.calls} training calls. "
        f"{measure.machine(1)}.\n"
    )
    measure.print_table(HEADER, (row(arguments, *case) for case in CASES))


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--image", type=int, default=16)
    parser.add_argument("--calls", type=int, default=300)
    return parser.parse_args()


def row(arguments, size, stride, padding, initializer):
    """One line of the table."""
    import keras

    from keras_lipschitz import layers

    keras.utils.set_random_seed(0)
    if initializer == "random_uniform":
        # As of an average or a blur: no weight is negative.
        initializer = keras.initializers.RandomUniform(0.0, 1.0)
    shape = (arguments.image, arguments.image, arguments.channels)
    options = dict(
        strides=stride, padding=padding, kernel_initializer=initializer
    )
    convolution = keras.layers.Conv2D(arguments.channels, size, **options)
    wrapper = keras.layers.SpectralNormalization(convolution)
    x = np.random.default_rng(0).normal(size=(1, *shape)).astype("float32")
    wrapper(x, training=True)
    first = reshaped_norm(convolution)
    for _ in range(arguments.calls - 1):
        wrapper(x, training=True)
    ours = layers.AOLConv2D(arguments.channels, size, **options)
    ours.build((None, *shape))
    kind = "non-negative" if not isinstance(initializer, str) else "glorot"
    return (
        f"{size} x {size}, {stride}, {kind}",
        f"{first:.3f}",
        f"{reshaped_norm(convolution):.3f}",
        f"{operator_norm(convolution, shape):.3f}",
        f"{operator_norm(ours, shape):.3f}",
    )


def reshaped_norm(convolution):
    """The norm of the kernel as a matrix with a column for each filter."""
    kernel = np.asarray(convolution.kernel, "float64")
    return np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)


def operator_norm(layer, shape):
    """A proven upper bound, tight to many digits."""
    from keras_lipschitz.certification.norms.operators import operator_of
    from keras_lipschitz.certification.norms.spectral_norm import spectral_norm
    from keras_lipschitz.propagation.registry import linear_map_of

    return spectral_norm(
        operator_of(linear_map_of(layer, (None, *shape)))
    ).upper


if __name__ == "__main__":
    main()
