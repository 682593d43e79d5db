"""Which axes of a convolution are worth to be kept exact."""

import itertools

import numpy as np

from keras_lipschitz.certification.norms.families import MatrixFamily
from keras_lipschitz.certification.norms.frequencies import ConvolutionFamily
from keras_lipschitz.certification.norms.operators import BlockOperator
from keras_lipschitz.certification.norms.operators import (
    CircularConvolutionOperator,
)
from keras_lipschitz.certification.norms.operators import ConvolutionOperator
from keras_lipschitz.certification.norms.torus import Circle
from keras_lipschitz.certification.norms.torus import Polyphase

# How many operations a tighter bound is worth: closing an axis of size n costs
# about 1 / n^2 of the bound.
_PRICE = 2e13
_MEMORY = 2**28
# A matrix this small needs no structure.
_SMALL = 256


def family_of(operator, vector):
    """The matrices whose largest norm bounds that of an operator.

    Args:
        operator: An `Operator`; a convolution must be trimmed.
        vector: Vector of inputs that the operator stretches most.
    """
    if isinstance(operator, BlockOperator):
        return MatrixFamily(operator.blocks)
    if isinstance(operator, CircularConvolutionOperator):
        return operator.family()
    if not isinstance(operator, ConvolutionOperator):
        return MatrixFamily(operator.dense()[None])
    rows, columns = operator.shape
    if min(rows, columns) <= _SMALL and rows * columns <= 2**20:
        return MatrixFamily(operator.dense()[None])
    worst = _worst_frequencies(operator, vector)
    circles = _circles(operator, worst)
    families = [
        ConvolutionFamily(operator, {a: circles[a] for a in closed}, worst)
        for closed in _closings(circles)
    ]
    return min(families, key=_price)


def torus_family(operator, vector):
    """The family with all axes of a convolution closed."""
    worst = _worst_frequencies(operator, vector)
    return ConvolutionFamily(operator, _circles(operator, worst), worst)


def _closings(circles):
    """Which axes may be closed; those that cost nothing always are."""
    free = {axis for axis, circle in circles.items() if circle.size == 1}
    others = sorted(circles.keys() - free)
    for count in range(len(others) + 1):
        for choice in itertools.combinations(others, count):
            yield sorted(free.union(choice))


def _price(family):
    work, sizes = family.work, family.convolution.output_size
    closed = [
        axis for axis, circle in family.circles.items() if circle.size > 1
    ]
    if work.bytes > _MEMORY and family.exact_axes:
        return np.inf
    looseness = sum(1 / sizes[axis] ** 2 for axis in closed)
    return work.operations * family.count + _PRICE * looseness


def _worst_frequencies(operator, vector):
    """For every axis, how the output oscillates where the norm is largest."""
    output = operator.matvec(vector).reshape(*operator.output_size, -1)
    worst = {}
    for axis, size in enumerate(operator.output_size):
        spectrum = np.fft.rfft(np.moveaxis(output, axis, -1), 16 * size)
        power = np.abs(spectrum.reshape(-1, spectrum.shape[-1])) ** 2
        worst[axis] = np.pi * power.sum(axis=0).argmax() / (8 * size)
    return worst


def _circles(operator, worst):
    """For every axis, the circle that leaves the worst frequency out best."""
    circles = {}
    for axis, angle in worst.items():
        smallest = Polyphase.of(operator, axis).smallest_circle
        if smallest == 1:
            circles[axis] = Circle(1)
            continue
        # A dilated kernel has a periodic spectrum; a multiple keeps to that.
        step = operator.dilation[axis]
        first = -(-smallest // step) * step
        choices = [
            Circle(size, twist)
            for size in range(first, first + 4 * step, step)
            for twist in (0, 1)
        ]
        circles[axis] = max(choices, key=lambda c: c.clearance(angle))
    return circles
