"""Which axes of a convolution are worth to be kept exact."""

import itertools

import numpy as np

from keras_lipschitz.certification.families import MatrixFamily
from keras_lipschitz.certification.frequencies import ConvolutionFamily
from keras_lipschitz.certification.operators import BlockOperator
from keras_lipschitz.certification.operators import ConvolutionOperator
from keras_lipschitz.certification.torus import Circle
from keras_lipschitz.certification.torus import Polyphase

# Operations that one layer may take: some seconds.
_BUDGET = 4e11
_MEMORY = 2**28
# A circle this long is as good as an exact axis.
_LONG = 128
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
    if not isinstance(operator, ConvolutionOperator):
        return MatrixFamily(operator.dense()[None])
    rows, columns = operator.shape
    if min(rows, columns) <= _SMALL and rows * columns <= 2**20:
        return MatrixFamily(operator.dense()[None])
    worst = _worst_frequencies(operator, vector)
    circles = _circles(operator, worst)
    for closed in _closings(operator):
        family = ConvolutionFamily(
            operator, {axis: circles[axis] for axis in closed}, worst
        )
        if len(closed) == operator.rank or _affordable(family):
            return family


def torus_family(operator, vector):
    """The family with all axes of a convolution closed."""
    worst = _worst_frequencies(operator, vector)
    return ConvolutionFamily(operator, _circles(operator, worst), worst)


def _closings(operator):
    """Which axes to close, the tightest choice first."""
    sizes = operator.output_size
    long = {axis for axis, size in enumerate(sizes) if size >= _LONG}
    choices = (
        set(choice)
        for count in range(operator.rank + 1)
        for choice in itertools.combinations(range(operator.rank), count)
    )
    # Closing an axis costs about 1 / size^2.
    return sorted(
        (tuple(sorted(choice)) for choice in choices if long <= choice),
        key=lambda choice: sum(1 / sizes[axis] ** 2 for axis in choice),
    )


def _affordable(family):
    work = family.work
    return work.operations * family.count <= _BUDGET and work.bytes <= _MEMORY


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
        # A dilated tap repeats the spectrum; a multiple keeps its period.
        step = operator.dilation[axis]
        smallest = Polyphase.of(operator, axis).smallest_circle
        first = -(-smallest // step) * step
        choices = [
            Circle(size, twist)
            for size in range(first, first + 4 * step, step)
            for twist in (0, 1)
        ]
        circles[axis] = max(choices, key=lambda c: c.clearance(angle))
    return circles
