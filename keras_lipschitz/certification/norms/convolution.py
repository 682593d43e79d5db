import dataclasses
import functools
import itertools

import numpy as np
from scipy import sparse

from keras_lipschitz.certification.norms.linear_operator import Operator


@dataclasses.dataclass(frozen=True, eq=False)
class ConvolutionOperator(Operator):
    """A convolution with zero padding, on vectors with the channels last.

    With `x` zero outside of its size, along every axis

        y[o] = sum_t kernel[t] x[stride o + dilation t - before].

    Args:
        kernel: Array `(*taps, inputs / groups, outputs)`.
        input_size: Tuple, the size of the input without channels.
        strides: Tuple, one stride for every axis.
        padding: Tuple of pairs, zeros `(before, after)` every axis.
        dilation: Tuple, one dilation rate for every axis.
        groups: Integer, into how many parts the channels are split.
    """

    kernel: np.ndarray
    input_size: tuple
    strides: tuple
    padding: tuple
    dilation: tuple
    groups: int = 1

    @property
    def rank(self):
        return len(self.input_size)

    @functools.cached_property
    def output_size(self):
        sizes = []
        for axis in range(self.rank):
            extent = (self.kernel.shape[axis] - 1) * self.dilation[axis] + 1
            padded = self.input_size[axis] + sum(self.padding[axis])
            sizes.append(max((padded - extent) // self.strides[axis] + 1, 0))
        return tuple(sizes)

    @property
    def channels(self):
        """Outputs and inputs at one position."""
        return self.kernel.shape[-1], self.kernel.shape[-2] * self.groups

    @property
    def shape(self):
        outputs, inputs = self.channels
        return (
            int(np.prod(self.output_size)) * outputs,
            int(np.prod(self.input_size)) * inputs,
        )

    @property
    def terms(self):
        return self.kernel.size // self.kernel.shape[-1]

    def meetings(self, axis, tap):
        """Which outputs along an axis a tap feeds, and from which inputs.

        Returns:
            Two slices of equal length: outputs and inputs.
        """
        stride = self.strides[axis]
        offset = tap * self.dilation[axis] - self.padding[axis][0]
        first = max(-(offset // stride), 0)
        last = (self.input_size[axis] - 1 - offset) // stride
        last = min(last, self.output_size[axis] - 1)
        if last < first:
            return slice(0, 0), slice(0, 0)
        start = first * stride + offset
        return (
            slice(first, last + 1),
            slice(start, last * stride + offset + 1, stride),
        )

    def trimmed(self):
        """The same operator without outer taps that are of no effect.

        Those are taps that meet nothing but padding, and zeros. The kernel is
        empty where no tap is left.
        """
        kernel, padding = self.kernel, []
        for axis, (before, after) in enumerate(self.padding):
            taps = range(self.kernel.shape[axis])
            used = [tap for tap in taps if self._is_used(axis, tap)]
            cut = range(used[0], used[-1] + 1) if used else range(0)
            kernel = np.take(kernel, cut, axis=axis)
            dilation = self.dilation[axis]
            padding.append(
                (
                    before - cut.start * dilation,
                    after - (len(taps) - cut.stop) * dilation,
                )
            )
        return dataclasses.replace(self, kernel=kernel, padding=tuple(padding))

    def _is_used(self, axis, tap):
        outputs, _ = self.meetings(axis, tap)
        return outputs.stop and np.take(self.kernel, tap, axis=axis).any()

    def _taps(self):
        """Matrices `(groups, inputs, outputs)` with their meeting places."""
        for tap in itertools.product(*map(range, self.kernel.shape[:-2])):
            places = [self.meetings(axis, t) for axis, t in enumerate(tap)]
            outputs, inputs = zip(*places, strict=True)
            matrix = self.kernel[tap]
            matrix = matrix.reshape(len(matrix), self.groups, -1)
            yield matrix.transpose(1, 0, 2), outputs, inputs

    def _split(self, x, size):
        """A vector as an array `(*size, groups, channels)`."""
        return x.reshape(*size, self.groups, -1)

    def matvec(self, x):
        x = self._split(x, self.input_size)
        y = self._split(np.zeros(self.shape[0], x.dtype), self.output_size)
        for matrix, outputs, inputs in self._taps():
            y[outputs] += _times(x[inputs], matrix)
        return y.ravel()

    def rmatvec(self, y):
        y = self._split(y, self.output_size)
        x = self._split(np.zeros(self.shape[1], y.dtype), self.input_size)
        for matrix, outputs, inputs in self._taps():
            x[inputs] += _times(y[outputs], matrix.transpose(0, 2, 1))
        return x.ravel()

    def sparse(self):
        """The matrix as a `scipy.sparse` array."""
        total = sparse.csr_array(self.shape)
        for matrix, outputs, inputs in self._taps():
            factor = sparse.block_diag(matrix.transpose(0, 2, 1))
            for axis in reversed(range(self.rank)):
                place = _selection(
                    outputs[axis],
                    inputs[axis],
                    (self.output_size[axis], self.input_size[axis]),
                )
                factor = sparse.kron(place, factor)
            total = total + factor
        return total

    def dense(self):
        return self.sparse().toarray()


def _times(x, matrices):
    """Products along the last axis, each group with its own matrix."""
    groups, inputs, outputs = matrices.shape
    if inputs == 1:
        return x * matrices[:, 0]
    # BLAS wants matrices, not stacks of vectors.
    flat = x.reshape(-1, groups, inputs).transpose(1, 0, 2)
    product = np.matmul(flat, matrices).transpose(1, 0, 2)
    return product.reshape(*x.shape[:-1], outputs)


def _selection(outputs, inputs, shape):
    """The 0/1 matrix that carries a slice of inputs to a slice of outputs."""
    rows = np.arange(shape[0])[outputs]
    columns = np.arange(shape[1])[inputs]
    return sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape)
