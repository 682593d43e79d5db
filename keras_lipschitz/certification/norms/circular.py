import dataclasses
import functools

import numpy as np

from keras_lipschitz.certification.norms.convolution import ConvolutionOperator
from keras_lipschitz.certification.norms.families import MatrixFamily
from keras_lipschitz.certification.norms.frequencies import ConvolutionFamily
from keras_lipschitz.certification.norms.linear_operator import Operator
from keras_lipschitz.certification.norms.torus import Circle

# The explicit matrix of an operator with so few inputs or outputs is small.
_SMALL = 256


@dataclasses.dataclass(frozen=True, eq=False)
class CircularConvolutionOperator(Operator):
    """A convolution on a torus, on vectors with the channels last.

    With positions taken modulo the size of the input, along every axis

        y[o] = sum_t kernel[t] x[stride o + t - before].

    Args:
        kernel: Array `(*taps, inputs / groups, outputs)`.
        input_size: Tuple, the size of the input without channels.
        strides: Tuple, one stride for every axis, which divides the size.
        padding: Tuple of pairs `(before, after)`, how far the taps reach
            beyond the border.
        groups: Integer, into how many parts the channels are split.
    """

    kernel: np.ndarray
    input_size: tuple
    strides: tuple
    padding: tuple
    groups: int = 1

    @functools.cached_property
    def unrolled(self):
        """The convolution of an input that is continued past its border."""
        size = tuple(
            n + sum(widths)
            for n, widths in zip(self.input_size, self.padding, strict=True)
        )
        rank = len(size)
        none = ((0, 0),) * rank
        return ConvolutionOperator(
            self.kernel, size, self.strides, none, (1,) * rank, self.groups
        )

    @property
    def channels(self):
        """Outputs and inputs at one position."""
        return self.unrolled.channels

    @property
    def shape(self):
        outputs, inputs = self.channels
        size = int(np.prod(self.input_size))
        return size // int(np.prod(self.strides)) * outputs, size * inputs

    @property
    def terms(self):
        return self.unrolled.terms

    def continued(self, x):
        """A batch `(batch, *size, channels)`, continued past the border."""
        return np.pad(x, ((0, 0), *self.padding, (0, 0)), mode="wrap")

    def matvec(self, x):
        x = x.reshape(1, *self.input_size, -1)
        return self.unrolled.matvec(self.continued(x).ravel())

    def rmatvec(self, y):
        x = self.unrolled.rmatvec(y)
        x = x.reshape(*self.unrolled.input_size, -1)
        for axis, (n, (before, _)) in enumerate(
            zip(self.input_size, self.padding, strict=True)
        ):
            places = (np.arange(x.shape[axis]) - before) % n
            x = np.moveaxis(x, axis, 0)
            folded = np.zeros((n, *x.shape[1:]), x.dtype)
            np.add.at(folded, places, x)
            x = np.moveaxis(folded, 0, axis)
        return x.ravel()

    def dense(self):
        return np.stack([self.rmatvec(row) for row in np.eye(self.shape[0])])

    def family(self):
        """The matrices whose largest norm is that of the operator.

        On a torus the Fourier transform splits it exactly.
        """
        rows, columns = self.shape
        if min(rows, columns) <= _SMALL and rows * columns <= 2**20:
            return MatrixFamily(self.dense()[None])
        return self.torus()

    def torus(self):
        """One matrix for every frequency."""
        convolution = dataclasses.replace(
            self.unrolled, input_size=self.input_size, padding=self.padding
        )
        circles = {
            axis: Circle(n // s)
            for axis, (n, s) in enumerate(
                zip(self.input_size, self.strides, strict=True)
            )
        }
        return ConvolutionFamily(convolution, circles)
