"""Random small operators, and truths to hold their norms against."""

from fractions import Fraction
from operator import mul

import numpy as np

from keras_lipschitz.certification.norms.operators import BlockOperator
from keras_lipschitz.certification.norms.operators import ConvolutionOperator
from keras_lipschitz.certification.norms.operators import DenseOperator


def random_operator(rng):
    """A dense, block or (mostly) convolution operator of any odd shape."""
    kind = rng.integers(10)
    if kind == 0:
        shape = rng.integers(1, 30, 2)
        return DenseOperator(random_entries(rng, shape))
    if kind == 1:
        return BlockOperator(random_entries(rng, rng.integers(1, 8, 3)))
    return random_convolution(rng)


def random_convolution(rng):
    rank = int(rng.integers(1, 4))
    size = rng.integers(1, (24, 8, 4)[rank - 1], rank)
    taps = rng.integers(1, (7, 5, 4)[rank - 1], rank)
    strides, dilation = np.ones(rank, int), np.ones(rank, int)
    if rng.random() < 0.5:
        strides = rng.integers(1, 4, rank)
    if rng.random() < 0.3:
        dilation = rng.integers(1, 4, rank)
    extent = (taps - 1) * dilation + 1
    groups = int(rng.choice([1, 1, 2, 3]))
    kernel = random_entries(
        rng, (*taps, *(int(c) for c in rng.integers(1, 4, 2)))
    )
    kernel = np.concatenate([kernel] * groups, axis=-1)
    kernel = kernel * rng.uniform(0.5, 1, kernel.shape)
    return ConvolutionOperator(
        kernel,
        tuple(map(int, size)),
        tuple(map(int, strides)),
        tuple(
            random_padding(rng, *axis)
            for axis in zip(size, extent, strides, strict=True)
        ),
        tuple(map(int, dilation)),
        groups,
    )


def random_padding(rng, size, extent, stride):
    if extent <= size and rng.random() < 0.3:
        return 0, 0
    if rng.random() < 0.3:
        least = max(extent - size, 0)
        before = int(rng.integers(0, extent + 1))
        return before, max(least - before, int(rng.integers(0, extent)))
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return int(total // 2), int(total - total // 2)


def random_entries(rng, shape):
    """Normal, flat, low-rank, non-negative or sparse float32 values."""
    values = rng.standard_normal(shape)
    kind = rng.integers(5)
    if kind == 1:
        values = np.sign(values)
    if kind == 2:
        values = np.abs(values)
    if kind == 3:
        values = values[..., :1] * np.ones(shape)
    if kind == 4:
        values = values * (rng.random(shape) < 0.4)
    scale = 10.0 ** rng.choice([0, 0, 0, -30, -20, -10, -3, 3, 10, 20, 30])
    return (values * scale).astype("float32").astype("float64")


def true_norm(operator):
    """By the singular values of the explicit matrix."""
    matrix = operator.dense()
    return np.linalg.norm(matrix, 2) if matrix.size else 0.0


def is_above(bound, matrix):
    """Whether `bound >= ||matrix||`, decided in exact arithmetic.

    `bound ** 2 I - A^T A` has no negative eigenvalue: elimination with
    rational numbers meets no negative pivot.
    """
    rows = [[Fraction(float(x)) for x in row] for row in matrix]
    size = range(len(rows))
    h = [[-sum(map(mul, x, y)) for y in rows] for x in rows]
    for i in size:
        h[i][i] += Fraction(float(bound)) ** 2
    for k in size:
        if h[k][k] < 0:
            return False
        if h[k][k] == 0:
            if any(h[i][k] for i in size[k:]):
                return False
            continue
        for i in size[k + 1 :]:
            factor = h[i][k] / h[k][k]
            for j in size[k:]:
                h[i][j] -= factor * h[k][j]
    return True
