"""Kernels of orthogonal convolutions, from orthogonal matrices."""

from keras import ops

from keras_lipschitz.ops.orthogonal import cayley
from keras_lipschitz.ops.orthogonal import transposed


def orthogonal_convolution(frames, patch, inputs, size, strides):
    """A kernel that is orthogonal on a torus, and 1-Lipschitz elsewhere.

    A projector `P` splits the channels into those that stay and those that
    move by one pixel: `x -> x P + shift(x) (I - P)` is orthogonal, because on
    a wave the shift multiplies by a number of size one. A product of such
    factors, each with a projector and an axis of its own, and then an
    orthogonal matrix on every patch of the size of the strides, has an
    explicit kernel.

    Args:
        frames: Tensor `(groups, factors, channels, rank)`: the columns span
            the channels that stay. `None` where there are no factors.
        patch: Tensor `(groups, rows * columns * channels, filters)`, the
            matrix of a patch of the size of the strides.
        inputs: Integer, channels of the input of a group, not more than
            `channels`.
        size: Pair of integers, the size of the kernel.
        strides: Pair of integers, not larger than `size`.

    Returns:
        Tensor `(*size, inputs, groups * filters)`.

    Reference:
        - [Li et al., Preventing Gradient Attenuation in Lipschitz Constrained
          Convolutional Networks, NeurIPS 2019](
          https://arxiv.org/abs/1911.00937)
        - [Boissin et al., An Adaptive Orthogonal Convolution Scheme for
          Efficient and Flexible CNN Architectures, ICML 2025](
          https://arxiv.org/abs/2501.07930)
    """
    patch = cayley(patch)
    groups, entries, filters = patch.shape
    channels = entries // (strides[0] * strides[1])
    kernel = ops.eye(inputs, channels, dtype=patch.dtype)
    kernel = ops.broadcast_to(kernel, (groups, 1, 1, inputs, channels))
    if frames is not None:
        frames = cayley(frames)
        projectors = ops.matmul(frames, transposed(frames))
        for i, axis in enumerate(_axes(size, strides)):
            projector = projectors[:, i, None, None]
            stay = ops.matmul(kernel, projector)
            kernel = _placed(stay, axis, 0) + _placed(kernel - stay, axis, 1)
    patch = ops.reshape(patch, (groups, *strides, channels, filters))
    kernel = _followed_by(kernel, patch)
    kernel = ops.transpose(kernel, (1, 2, 3, 0, 4))
    return ops.reshape(kernel, (*size, inputs, groups * filters))


def factors(size, strides):
    """How many factors a kernel of this size takes."""
    return len(_axes(size, strides))


def _axes(size, strides):
    """The axis of every factor, in turns."""
    rows, columns = (k - s for k, s in zip(size, strides, strict=True))
    both = min(rows, columns)
    return [1, 2] * both + [1] * (rows - both) + [2] * (columns - both)


def _placed(kernel, axis, offset, size=2):
    """A kernel within a larger one that has `size - 1` more taps."""
    widths = [(0, 0)] * 5
    widths[axis] = (offset, size - 1 - offset)
    return ops.pad(kernel, widths)


def _followed_by(kernel, patch):
    """The kernel of a convolution and then of one with its size as stride."""
    _, rows, columns, _, _ = patch.shape
    total = 0.0
    for i in range(rows):
        for j in range(columns):
            tap = ops.matmul(kernel, patch[:, i, j, None, None])
            tap = _placed(tap, 1, i, rows)
            total = total + _placed(tap, 2, j, columns)
    return total
