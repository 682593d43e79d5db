"""Convolutions along their exact axes, as explicit matrices of blocks."""

import math

import numpy as np


def tap_places(convolution, axis):
    """Where the taps along an axis stand in the matrix of a convolution.

    Args:
        convolution: A `ConvolutionOperator`.
        axis: Integer.

    Returns:
        Tuple of lists of pairs `(row, column)`, as a `Stack` wants them.
    """
    stride = convolution.strides[axis]
    dilation = convolution.dilation[axis]
    # Rows with inputs in common are a multiple apart; put them side by side.
    rows = _regrouped(
        convolution.output_size[axis], dilation // math.gcd(stride, dilation)
    )
    columns = _regrouped(convolution.input_size[axis], dilation)
    meetings = [
        convolution.meetings(axis, tap)
        for tap in range(convolution.kernel.shape[axis])
    ]
    return tuple(
        list(zip(rows[outputs], columns[inputs], strict=True))
        for outputs, inputs in meetings
    )


def unrolled(symbols, convolution, axes):
    """The matrices of a convolution along some of its axes.

    Args:
        symbols: Array `(*taps, matrices, outputs, inputs)`, a matrix of
            channels for every tap along `axes`.
        convolution: A `ConvolutionOperator`.
        axes: List of integers.

    Returns:
        Array `(matrices, sizes * outputs, sizes * inputs)`.
    """
    *taps, count, outputs, inputs = symbols.shape
    output_size = [convolution.output_size[axis] for axis in axes]
    input_size = [convolution.input_size[axis] for axis in axes]
    matrices = np.zeros(
        (count, *output_size, outputs, *input_size, inputs), symbols.dtype
    )
    for tap in np.ndindex(*taps):
        places = [
            convolution.meetings(axis, t)
            for axis, t in zip(axes, tap, strict=True)
        ]
        rows = np.ix_(*(_numbers(rows) for rows, _ in places))
        columns = np.ix_(*(_numbers(columns) for _, columns in places))
        matrices[(slice(None), *rows, slice(None), *columns)] = symbols[tap]
    return matrices.reshape(
        count, outputs * math.prod(output_size), inputs * math.prod(input_size)
    )


def _numbers(places):
    return np.arange(places.start, places.stop, places.step or 1)


def _regrouped(size, step):
    """New positions, such that multiples of `step` apart are neighbours."""
    order = sorted(range(size), key=lambda i: (i % step, i))
    positions = np.empty(size, int)
    positions[order] = range(size)
    return positions
