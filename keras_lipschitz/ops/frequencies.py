"""Circular convolutions, frequency by frequency.

A complex matrix `A + i B` is written as the real matrix `[[A, B], [-B, A]]`
that acts on rows `(real part, imaginary part)`: sums, products, inverses and
adjoints of such matrices are those of the complex ones, and so are norms.
"""

import math

import numpy as np
from keras import ops


def frequency_matrices(kernel, size):
    """The matrices that a kernel is on the waves of a torus.

    Args:
        kernel: Tensor `(height, width, inputs, outputs)`.
        size: Pair of integers, the size of the torus.

    Returns:
        Tensor `(frequencies, 2 inputs, 2 outputs)`: those that `rfft` keeps,
        the others are their conjugates.
    """
    rows, columns, inputs, outputs = kernel.shape
    cosine, sine = _waves(size, (rows, columns))
    flat = ops.reshape(kernel, (rows * columns, inputs * outputs))
    real, imaginary = (
        ops.reshape(
            ops.matmul(ops.convert_to_tensor(wave, kernel.dtype), flat),
            (-1, inputs, outputs),
        )
        for wave in (cosine, sine)
    )
    return real_form(real, imaginary)


def real_form(real, imaginary):
    """The real form of a stack of complex matrices."""
    top = ops.concatenate([real, imaginary], axis=-1)
    bottom = ops.concatenate([-imaginary, real], axis=-1)
    return ops.concatenate([top, bottom], axis=-2)


def apply_frequency_matrices(matrices, x):
    """Multiplies the spectrum of images by a matrix for each frequency.

    Transforms are products with matrices of cosines and sines: images of the
    size that such layers see are too small for anything faster.

    Args:
        matrices: Tensor `(frequencies, 2 inputs, 2 outputs)`.
        x: Tensor `(batch, rows, columns, inputs)`.

    Returns:
        Tensor `(batch, rows, columns, outputs)`.
    """
    _, rows, columns, inputs = x.shape
    half = columns // 2 + 1
    outputs = matrices.shape[-1] // 2
    across, back, down = (
        ops.convert_to_tensor(transform, x.dtype)
        for transform in (*_column_transforms(columns), _row_transform(rows))
    )
    # (batch * rows, 2 half, inputs), then (batch, 2 rows, half * inputs).
    x = ops.matmul(across, ops.reshape(x, (-1, columns, inputs)))
    x = ops.matmul(down, ops.reshape(x, (-1, 2 * rows, half * inputs)))
    x = ops.reshape(x, (-1, 2, rows, half, inputs))
    x = ops.transpose(x, (2, 3, 0, 1, 4))
    x = ops.reshape(x, (rows * half, -1, 2 * inputs))
    x = ops.matmul(x, matrices)
    x = ops.reshape(x, (rows, half, -1, 2, outputs))
    x = ops.transpose(x, (2, 3, 0, 1, 4))
    x = ops.reshape(x, (-1, 2 * rows, half * outputs))
    x = ops.matmul(ops.transpose(down), x)
    x = ops.matmul(back, ops.reshape(x, (-1, 2 * half, outputs)))
    return ops.reshape(x, (-1, rows, columns, outputs))


def _column_transforms(size):
    """From reals to half of their spectrum, real parts first, and back."""
    half = size // 2 + 1
    turns = np.multiply.outer(np.arange(half), np.arange(size)) % size
    angles = 2 * math.pi * turns / size
    across = np.concatenate([np.cos(angles), -np.sin(angles)]) / size**0.5
    # Each frequency stands for its conjugate, too, but for the real ones.
    weights = np.full(half, 2.0)
    weights[0] = 1.0
    if size % 2 == 0:
        weights[-1] = 1.0
    back = across.T * np.tile(weights, 2)
    return across, back


def _row_transform(size):
    """From `(position, part)` to `(part, frequency)`, an orthogonal matrix."""
    turns = np.multiply.outer(np.arange(size), np.arange(size)) % size
    angles = 2 * math.pi * turns / size
    cosine, sine = np.cos(angles), np.sin(angles)
    real = np.stack([cosine, sine], axis=-1)
    imaginary = np.stack([-sine, cosine], axis=-1)
    matrix = np.stack([real, imaginary]) / size**0.5
    return matrix.reshape(2 * size, 2 * size)


def _waves(size, taps):
    """Cosines and sines `(frequencies, taps)` of what `rfft` keeps."""
    rows, columns = size
    frequencies = np.indices((rows, columns // 2 + 1)).reshape(2, -1)
    positions = np.indices(taps).reshape(2, -1)
    turns = sum(
        np.multiply.outer(f, p) / n
        for f, p, n in zip(frequencies, positions, size, strict=True)
    )
    angles = 2 * math.pi * turns
    return np.cos(angles), np.sin(angles)
