"""Layers that apply a function of a convolution: exponential, reflection.

Their rounding is bounded in the l2 norm as a whole (`gain`), for sums of the
absolute values of all terms would say nothing.
"""

import math

import numpy as np

from keras_lipschitz.certification.evaluations.absolute_norm import (
    absolute_norm,
)
from keras_lipschitz.certification.evaluations.activations import (
    evaluation_of_activation,
)
from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.certification.evaluations.linear import convolve
from keras_lipschitz.certification.evaluations.linear import refusal_of
from keras_lipschitz.certification.norms.gram import gram_bounds
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.layers.one_lipschitz.bro_conv2d import BROConv2D
from keras_lipschitz.layers.one_lipschitz.soc_conv2d import SOCConv2D
from keras_lipschitz.ops.skew_convolution import truncated_exponential


@register_evaluation(SOCConv2D)
def skew_orthogonal_convolution(layer, step):
    """Horner's scheme `z_{i-1} = x + A z_i / i`.

    With `s >= ||A||` and `a >= || |A| ||`, step `i` errs by
    `gamma (||x|| + a ||z_i|| / i)`, `||z_i|| <= e^s ||x||`, and later steps
    carry that on by `s^(i-1) / (i-1)!`. The sum is at most
    `gamma e^s (1 + a e^s) ||x||`.
    """
    shape = step.input_shapes[0]
    operator = operator_of(layer.inner_map(shape))
    taps = operator.kernel.reshape(-1, *operator.kernel.shape[-2:])
    grown = math.exp(gram_bounds(taps, 6).sum())

    def compute(x):
        return truncated_exponential(
            lambda z: convolve(operator, z), x, layer.terms
        )

    return _between_reshapings(
        layer,
        compute,
        # A quotient may be a product with a rounded reciprocal.
        roundings=layer.terms * (taps[..., 0].size + 6) + 4,
        # One per cent for second-order terms and for `exp` itself.
        gain=1.01 * grown * (1.0 + absolute_norm(operator) * grown),
    )


@register_evaluation(BROConv2D)
def block_reflector_convolution(layer, step):
    """Discrete Fourier transforms as matrices of cosines and sines.

    Five linear maps follow each other. What one of them errs is `gamma` times
    the norm of its absolute values, and goes on through the norms of those
    behind it. These are 1 for both transforms of columns and that of rows, at
    most 2 for its inverse, which counts waves for their conjugates too, and at
    most `a`, the norm of the absolute values, for the matrices in between. Of
    the transforms, the norms of absolute values are at most `sqrt(2 rows)` and
    `sqrt(columns + 2)`, the latter twice on the way back. So the sum is at most

        2 a (1 + 2 sqrt(columns + 2) + 2 sqrt(2 rows)).

    A wave is a rounded constant, which is one rounding more of each term.
    """
    blocks = operator_of(layer.inner_map(step.input_shapes[0]))
    rows, columns = layer.torus
    half = columns // 2 + 1
    down, across = _waves(rows, rows), _waves(half, columns)
    weights = np.full(half, 2.0)
    weights[0] = 1.0
    if columns % 2 == 0:
        weights[-1] = 1.0

    def compute(x):
        widths = [(0, 0), *((b, b) for b in layer.borders), (0, 0)]
        x = np.moveaxis(np.pad(x, widths), -1, 1)
        real, imaginary = _turned(x, np.zeros_like(x), down, -1, axis=2)
        real, imaginary = _turned(real, imaginary, across, -1, axis=3)
        spectrum = np.concatenate([real, imaginary], axis=1)
        spectrum = np.moveaxis(spectrum, 1, -1).reshape(
            len(x), rows * half, 1, -1
        )
        spectrum = (spectrum @ blocks.blocks).reshape(len(x), rows, half, -1)
        real, imaginary = np.split(np.moveaxis(spectrum, -1, 1), 2, axis=1)
        real, imaginary = _turned(real, imaginary, down, 1, axis=2)
        back = [(wave * weights[:, None]).T for wave in across]
        y, _ = _turned(real, imaginary, back, 1, axis=3)
        y = np.moveaxis(y / (rows * columns), 1, -1)
        inside = (
            slice(b, n - b)
            for n, b in zip(layer.torus, layer.borders, strict=True)
        )
        return y[(slice(None), *inside)]

    return _between_reshapings(
        layer,
        compute,
        roundings=4 * (rows + columns) + 4 * layer.width + 100,
        # One per cent for second-order terms.
        gain=2.02
        * max(1.0, absolute_norm(blocks))
        * (1 + 2 * math.sqrt(columns + 2) + 2 * math.sqrt(2 * rows)),
    )


def _between_reshapings(layer, compute, roundings, gain):
    """`compute` behind the strides, cut to size, with bias and activation."""
    first = layer.data_format == "channels_first"
    p, q = layer.downsampling.pool_size

    def apply(x):
        x = np.moveaxis(x, 1, -1) if first else x
        batch, h, w, c = x.shape
        x = x.reshape(batch, h // p, p, w // q, q, c)
        x = x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, h // p, w // q, -1)
        missing = layer.width - x.shape[-1]
        y = compute(np.pad(x, ((0, 0), (0, 0), (0, 0), (0, missing))))
        y = y[..., : layer.filters] + bias
        return np.moveaxis(y, -1, 1) if first else y

    bias = np.zeros(1) if layer.bias is None else host_array(layer.bias)
    offset = np.abs(bias).reshape(-1, 1, 1) if first else np.abs(bias)
    linear = Evaluation(
        apply,
        roundings + 2,
        offset=offset,
        gain=gain,
        refusal=refusal_of(layer),
    )
    return linear.then(evaluation_of_activation(layer.activation))


def _waves(frequencies, size):
    """Cosines and sines `(frequencies, size)`."""
    turns = np.multiply.outer(np.arange(frequencies), np.arange(size)) % size
    angles = 2 * np.pi * turns / size
    return np.cos(angles), np.sin(angles)


def _turned(real, imaginary, waves, sign, axis):
    """Sums of a complex array times `cos + i sign sin`, along an axis."""

    def sums(part, wave):
        product = np.moveaxis(part, axis, -1) @ wave.T
        return np.moveaxis(product, -1, axis)

    cosine, sine = waves
    return (
        sums(real, cosine) - sign * sums(imaginary, sine),
        sums(imaginary, cosine) + sign * sums(real, sine),
    )
