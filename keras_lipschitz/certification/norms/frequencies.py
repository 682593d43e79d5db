"""Convolutions as stacks of small matrices, one for every frequency."""

import dataclasses
import functools
import itertools

import numpy as np

from keras_lipschitz.certification.norms.convolution import ConvolutionOperator
from keras_lipschitz.certification.norms.stacks import Stack
from keras_lipschitz.certification.norms.torus import Polyphase
from keras_lipschitz.certification.norms.unrolling import tap_places
from keras_lipschitz.certification.norms.unrolling import unrolled
from keras_lipschitz.certification.norms.work import Work
from keras_lipschitz.certification.rounding import gamma

# By how much a product of up to three computed roots of unity may err.
_PHASE_ERROR = 2.0**-46


@dataclasses.dataclass(frozen=True, eq=False)
class ConvolutionFamily:
    """A convolution with some of its axes closed to circles.

    The operator is a submatrix of the convolution on a large enough torus,
    which the Fourier transform splits into one matrix for every frequency.

    Args:
        convolution: A `ConvolutionOperator`, trimmed.
        circles: Dict from axis to `Circle`. The other axes stay exact.
        worst: Dict from axis to the angle where the norm is likely largest.
    """

    convolution: ConvolutionOperator
    circles: dict
    worst: dict = dataclasses.field(default_factory=dict)

    @property
    def exact(self):
        return all(circle.size == 1 for circle in self.circles.values())

    @property
    def method(self):
        if self.exact:
            return "cholesky"
        sizes = (
            str(self.circles[axis].size) if axis in self.circles else "exact"
            for axis in range(self.convolution.rank)
        )
        return f"cholesky, torus {' x '.join(sizes)}"

    def _phases(self, axis):
        """The phases of the input along an axis that some tap reads."""
        return np.unique(self.polyphase[axis].phases)

    @functools.cached_property
    def exact_axes(self):
        """The axes that are not closed, the longest first."""
        conv = self.convolution
        axes = [a for a in range(conv.rank) if a not in self.circles]
        return sorted(axes, key=lambda a: (-conv.output_size[a], a))

    @functools.cached_property
    def frequencies(self):
        """Integer array `(frequencies, circles)`, the likely worst first.

        The kernel is real: a frequency and its negative have conjugate
        matrices, and one of the two is enough.
        """
        circles = list(self.circles.values())
        if not circles:
            return np.zeros((1, 0), int)
        grid = np.indices([c.size for c in circles]).reshape(len(circles), -1)
        negative = np.stack(
            [
                (-row - circle.twist) % circle.size
                for row, circle in zip(grid, circles, strict=True)
            ]
        )
        weights = np.cumprod([1, *(c.size for c in circles)])[:-1]
        grid = grid[:, weights @ grid <= weights @ negative]
        distances = sum(
            circle.distances(grid[i], self.worst.get(axis, 0.0)) ** 2
            for i, (axis, circle) in enumerate(self.circles.items())
        )
        return grid.T[np.argsort(distances, kind="stable")]

    @functools.cached_property
    def polyphase(self):
        return [
            Polyphase.of(self.convolution, axis)
            for axis in range(self.convolution.rank)
        ]

    @property
    def count(self):
        return len(self.frequencies)

    @functools.cached_property
    def error(self):
        """How far the computed matrices may be from the true ones.

        Each tap errs in proportion to its size, and so does what a sum of
        taps, each at places of its own, does to a vector.
        """
        if not self.circles:
            return 0.0
        kernel = self.convolution.kernel
        flat = kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1])
        sizes = np.sqrt(np.einsum("ti,ti->t", flat, flat)).sum()
        relative = gamma(len(flat) + 4) + _PHASE_ERROR
        return float(sizes * relative * (1 + 2 * gamma(kernel.size + 8)))

    def symbols(self, indices):
        """Arrays `(*exact taps, matrices, outputs, phases * inputs)`.

        The matrices are the frequencies times the groups.
        """
        conv = self.convolution
        kernel = conv.kernel.reshape(*conv.kernel.shape[:-1], conv.groups, -1)
        kernel = np.moveaxis(kernel, (-3, -2, -1), (-1, -3, -2))
        closed = tuple(self.circles)
        # Taps of closed axes first, then of exact axes, then the matrices.
        kernel = np.moveaxis(kernel, closed, range(len(closed)))
        phases = [self._phases(axis) for axis in closed]
        parts = [
            self._symbol(kernel, indices, phase)
            for phase in itertools.product(*phases)
        ]
        # (frequencies, *exact taps, groups, outputs, phases, inputs)
        symbols = np.stack(parts, axis=-2)
        symbols = np.moveaxis(symbols, 0, -5)
        *taps, count, groups, outputs, _, _ = symbols.shape
        return symbols.reshape(*taps, count * groups, outputs, -1)

    def _symbol(self, kernel, indices, phase):
        """The sum of the taps that read one phase, each with its factor."""
        weights = np.ones((len(indices), 1))
        for i, (axis, circle) in enumerate(self.circles.items()):
            own = self.polyphase[axis].phases == phase[i]
            kernel = np.compress(own, kernel, axis=i)
            factors = circle.phases(
                self.frequencies[indices, i], self.polyphase[axis].shifts[own]
            )
            weights = weights[:, :, None] * factors[:, None, :]
            weights = weights.reshape(len(indices), -1)
        rest = kernel.shape[len(self.circles) :]
        flat = kernel.reshape(-1, int(np.prod(rest)))
        symbol = weights.real @ flat
        if not self.exact:
            symbol = symbol + 1j * (weights.imag @ flat)
        return symbol.reshape(len(indices), *rest)

    @functools.cached_property
    def layout(self):
        """Where the taps of the first exact axis stand, in blocks."""
        if not self.exact_axes:
            return (((0, 0),),)
        return tap_places(self.convolution, self.exact_axes[0])

    @property
    def block_shape(self):
        """The size of the blocks that `layout` places."""
        conv = self.convolution
        rows, columns = conv.channels
        rows, columns = rows // conv.groups, columns // conv.groups
        for axis in self.exact_axes[1:]:
            rows *= conv.output_size[axis]
            columns *= conv.input_size[axis]
        for axis in self.circles:
            columns *= len(self._phases(axis))
        return rows, columns

    @functools.cached_property
    def work(self):
        """The `Work` that a proof for one frequency takes."""
        return Work.of(
            self.layout,
            self.block_shape,
            self.convolution.groups,
            dtype="float64" if self.exact else "complex128",
        )

    def stack(self, indices):
        """The `Stack` of some of the frequencies."""
        symbols = self.symbols(indices)
        if not self.exact_axes:
            return Stack(symbols[None])
        order = np.argsort(self.exact_axes).argsort()
        symbols = symbols.transpose(*order, *range(len(order), symbols.ndim))
        taps = [
            unrolled(part, self.convolution, self.exact_axes[1:])
            for part in symbols
        ]
        return Stack(np.stack(taps), self.layout)
