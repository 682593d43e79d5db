"""Convolutions of batches on the host."""

import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# How many float64 the copied windows may take: what fits in a cache.
_BLOCK = 2**19


def batch_convolution(operator, x):
    """Applies a convolution to every sample.

    Args:
        operator: A `ConvolutionOperator`.
        x: Float64 array `(batch, *input_size, inputs)`.

    Returns:
        Float64 array `(batch, *output_size, outputs)`.
    """
    x = np.pad(x, ((0, 0), *operator.padding, (0, 0)))
    if operator.groups == operator.channels[1]:
        return _one_input_each(operator, x)
    parts = np.split(x, operator.groups, axis=-1)
    kernels = np.split(operator.kernel, operator.groups, axis=-1)
    return np.concatenate(
        [
            _by_windows(operator, part, kernel)
            for part, kernel in zip(parts, kernels, strict=True)
        ],
        axis=-1,
    )


def _by_windows(operator, x, kernel):
    """Copies the windows of some samples at a time, and multiplies."""
    windows = _windows(operator, x)
    matrix = np.moveaxis(kernel, -2, 0).reshape(-1, kernel.shape[-1])
    outputs = np.empty((*windows.shape[: 1 + operator.rank], matrix.shape[1]))
    per_sample = max(1, windows[:1].size)
    step = max(1, _BLOCK // per_sample)
    for start in range(0, len(x), step):
        block = windows[start : start + step].reshape(-1, len(matrix))
        target = outputs[start : start + step]
        target[...] = (block @ matrix).reshape(target.shape)
    return outputs


def _windows(operator, x):
    """View `(batch, *output_size, inputs, *taps)` of padded inputs."""
    taps = operator.kernel.shape[:-2]
    extents = [
        (t - 1) * d + 1 for t, d in zip(taps, operator.dilation, strict=True)
    ]
    axes = tuple(range(1, 1 + operator.rank))
    windows = sliding_window_view(x, extents, axis=axes)
    strides = (slice(None, None, s) for s in operator.strides)
    dilation = (slice(None, None, d) for d in operator.dilation)
    return windows[(slice(None), *strides, slice(None), *dilation)]


def _one_input_each(operator, x):
    """Adds up the taps where every output reads one channel."""
    kernel = operator.kernel[..., 0, :]
    inputs = x.shape[-1]
    multiplier = kernel.shape[-1] // inputs
    total = 0.0
    for tap in itertools.product(*map(range, kernel.shape[:-1])):
        places = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, s, n in zip(
                tap,
                operator.dilation,
                operator.strides,
                operator.output_size,
                strict=True,
            )
        )
        read = np.repeat(x[(slice(None), *places)], multiplier, axis=-1)
        total = total + read * kernel[tap]
    return total
