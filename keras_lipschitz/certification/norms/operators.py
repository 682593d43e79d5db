"""Linear operators on the host, in float64."""

import dataclasses

import numpy as np
from keras import ops
from scipy import linalg

from keras_lipschitz.certification.norms.circular import (
    CircularConvolutionOperator,
)
from keras_lipschitz.certification.norms.convolution import ConvolutionOperator
from keras_lipschitz.certification.norms.linear_operator import Operator
from keras_lipschitz.ops.circular_convolution import CircularConvolutionMap
from keras_lipschitz.ops.circular_convolution import circular_padding
from keras_lipschitz.ops.linear_maps import BlockDenseMap
from keras_lipschitz.ops.linear_maps import ConvolutionMap
from keras_lipschitz.ops.linear_maps import DenseMap
from keras_lipschitz.ops.linear_maps import DepthwiseConvolutionMap
from keras_lipschitz.ops.linear_maps import DiagonalMap


@dataclasses.dataclass(frozen=True, eq=False)
class DenseOperator(Operator):
    """`x -> M x`.

    Args:
        matrix: Array `(outputs, inputs)`.
    """

    matrix: np.ndarray

    @property
    def shape(self):
        return self.matrix.shape

    def matvec(self, x):
        return self.matrix @ x

    def rmatvec(self, y):
        return y @ self.matrix

    def dense(self):
        return self.matrix


@dataclasses.dataclass(frozen=True, eq=False)
class BlockOperator(Operator):
    """One matrix for every part of the input.

    Args:
        blocks: Array `(blocks, inputs, outputs)`.
    """

    blocks: np.ndarray

    @property
    def shape(self):
        count, inputs, outputs = self.blocks.shape
        return count * outputs, count * inputs

    @property
    def terms(self):
        return self.blocks.shape[1]

    def matvec(self, x):
        parts = x.reshape(len(self.blocks), 1, -1)
        return (parts @ self.blocks).ravel()

    def rmatvec(self, y):
        parts = y.reshape(len(self.blocks), -1, 1)
        return (self.blocks @ parts).ravel()

    def dense(self):
        return linalg.block_diag(*self.blocks.transpose(0, 2, 1))


@dataclasses.dataclass(frozen=True, eq=False)
class DiagonalOperator(Operator):
    """A factor for every entry.

    Args:
        factors: Array of one axis.
    """

    factors: np.ndarray

    @property
    def shape(self):
        return self.factors.size, self.factors.size

    def matvec(self, x):
        return self.factors * x

    rmatvec = matvec

    def dense(self):
        return np.diag(self.factors)


def operator_of(linear_map):
    """The operator of a linear map, with its kernel as it is now.

    Args:
        linear_map: A `keras_lipschitz.ops.LinearMap`.

    Returns:
        An `Operator` with the kernel in float64, converted exactly.
    """
    kernel = ops.convert_to_numpy(linear_map.read_kernel()).astype("float64")
    if isinstance(linear_map, DenseMap):
        return DenseOperator(kernel.T)
    if isinstance(linear_map, BlockDenseMap):
        return BlockOperator(kernel)
    if isinstance(linear_map, DiagonalMap):
        return DiagonalOperator(kernel.ravel())
    if isinstance(linear_map, ConvolutionMap):
        return _convolution(linear_map, kernel)
    if isinstance(linear_map, CircularConvolutionMap):
        return CircularConvolutionOperator(
            kernel,
            tuple(linear_map.spatial_shape),
            tuple(linear_map.strides),
            circular_padding(kernel.shape[:-2], linear_map.strides),
            linear_map.groups,
        )
    raise ValueError(
        "Expected a DenseMap, BlockDenseMap, ConvolutionMap, "
        "DepthwiseConvolutionMap, CircularConvolutionMap or DiagonalMap. "
        "Received: "
        f"{type(linear_map).__name__}"
    )


def _convolution(linear_map, kernel):
    if isinstance(linear_map, DepthwiseConvolutionMap):
        *size, inputs, multiplier = kernel.shape
        kernel = kernel.reshape(*size, 1, inputs * multiplier)
    size = tuple(linear_map.spatial_shape)
    padding = tuple(
        _padding(linear_map.padding, *axis)
        for axis in zip(
            size,
            kernel.shape[:-2],
            linear_map.strides,
            linear_map.dilation_rate,
            strict=True,
        )
    )
    return ConvolutionOperator(
        kernel,
        size,
        tuple(linear_map.strides),
        padding,
        tuple(linear_map.dilation_rate),
        linear_map.groups,
    )


def _padding(name, size, taps, stride, dilation):
    """How many zeros Keras puts before and after an axis."""
    extent = (taps - 1) * dilation + 1
    if name == "valid":
        return 0, 0
    if name == "causal":
        return extent - 1, 0
    if name == "same":
        return same_padding(size, extent, stride)
    raise ValueError(
        f'Expected padding "valid", "same" or "causal". Received: {name!r}'
    )


def same_padding(size, extent, stride):
    """How many zeros `"same"` puts before and after an axis."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2
