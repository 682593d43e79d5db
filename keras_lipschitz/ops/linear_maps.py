"""Descriptions of the linear maps that layers apply.

A `LinearMap` says what a layer does to its input, apart from bias and
activation, once: the power method applies it on the device, and the
certification reads the same description on the host in float64.
"""

import dataclasses
from collections.abc import Callable

import keras
from keras import ops

from keras_lipschitz.ops.adjoint import adjoint


@dataclasses.dataclass(frozen=True, eq=False)
class LinearMap:
    """A linear map between tensors, with a kernel that may change.

    Args:
        read_kernel: Function without arguments that returns the kernel as it
            is now (a layer's variable, or a constant).
        input_shape: Shape of the input without the batch.
        output_shape: Shape of the output without the batch.
        known_norm: Float, a bound of the norm that holds for any weights, or
            `None`. Training takes it for the norm; a certificate does not.
    """

    read_kernel: Callable
    input_shape: tuple
    output_shape: tuple
    known_norm: float | None = dataclasses.field(default=None, kw_only=True)

    @property
    def kernel(self):
        return ops.cast(self.read_kernel(), "float32")

    def apply(self, x, kernel):
        """`A x` for a batch `x`, differentiable in `kernel`."""
        raise NotImplementedError

    def apply_adjoint(self, y, kernel):
        """`A^T y` for a batch `y`."""
        return adjoint(
            lambda x: self.apply(x, kernel),
            (ops.shape(y)[0], *self.input_shape),
            y,
        )

    def exact_norm(self, kernel):
        """The spectral norm in closed form, or `None` where there is none."""
        return None

    def row_sum_norm(self, kernel):
        """`max_o sum_i |a_oi|`: how far the largest entry can move."""
        ones = ops.ones((1, *self.input_shape))
        return ops.max(self.apply(ones, ops.abs(kernel)))


class DenseMap(LinearMap):
    """`x -> x W` on vectors; `kernel` has shape `(inputs, outputs)`."""

    def apply(self, x, kernel):
        return ops.matmul(x, kernel)

    def apply_adjoint(self, y, kernel):
        return ops.matmul(y, ops.transpose(kernel))


class BlockDenseMap(LinearMap):
    """A block-diagonal matrix; `kernel` has shape `(blocks, inputs, outputs)`.

    The map of an `EinsumDense` whose kernel shares axes with both its input
    and its output: one matrix for every position of the shared axes.
    """

    def apply(self, x, kernel):
        return ops.einsum("nbi,bio->nbo", x, kernel)

    def apply_adjoint(self, y, kernel):
        return ops.einsum("nbo,bio->nbi", y, kernel)


@dataclasses.dataclass(frozen=True, eq=False)
class ConvolutionMap(LinearMap):
    """A convolution of any rank, with its real strides, padding and size.

    `kernel` has shape `(*kernel_size, inputs / groups, filters)`; `padding` is
    `"valid"` or `"same"`, meaning what Keras means by it.
    """

    strides: tuple
    padding: str
    dilation_rate: tuple
    groups: int
    data_format: str

    def apply(self, x, kernel):
        if keras.backend.backend() == "tensorflow":
            # On a CPU, TensorFlow compiles every grouped convolution by itself,
            # anew each time in eager mode: seconds, where this takes
            # milliseconds.
            if self.groups > 1:
                kernel = _ungrouped(kernel, self.groups)
            # Without oneDNN, which it leaves out on many processors, it has no
            # gradient of a convolution with channels first.
            if self.data_format == "channels_first":
                y = self._convolve(
                    ops.moveaxis(x, 1, -1), kernel, "channels_last"
                )
                return ops.moveaxis(y, -1, 1)
        return self._convolve(x, kernel, self.data_format)

    def _convolve(self, x, kernel, data_format):
        return ops.conv(
            x,
            kernel,
            strides=list(self.strides),
            padding=self.padding,
            dilation_rate=list(self.dilation_rate),
            data_format=data_format,
        )

    @property
    def spatial_shape(self):
        if self.data_format == "channels_last":
            return self.input_shape[:-1]
        return self.input_shape[1:]


def _ungrouped(kernel, groups):
    """A grouped kernel with the zeros between the groups written out."""
    *size, inputs, filters = kernel.shape
    blocks = ops.reshape(kernel, (*size, 1, inputs, groups, filters // groups))
    diagonal = ops.eye(groups, dtype=kernel.dtype)
    diagonal = ops.reshape(diagonal, (groups, 1, groups, 1))
    return ops.reshape(blocks * diagonal, (*size, groups * inputs, filters))


class DepthwiseConvolutionMap(ConvolutionMap):
    """A convolution that keeps channels apart.

    `kernel` has shape `(*kernel_size, inputs, multiplier)`.
    """

    def apply(self, x, kernel):
        return ops.depthwise_conv(
            x,
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )


class DiagonalMap(LinearMap):
    """Multiplication of every entry by its own factor; `kernel` holds them.

    Of an activation that is linear on each side of zero, `kernel` lists the
    slopes. The norm is the largest absolute factor: no iteration is needed.
    """

    def exact_norm(self, kernel):
        return ops.max(ops.abs(kernel))

    row_sum_norm = exact_norm
