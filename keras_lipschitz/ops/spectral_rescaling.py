"""Scaling of kernels by factors that make their norm at most one.

For `P = W^T W` and `t >= 1`, let `d_i = sum_j |P^(2^(t-1))|_ij`. A symmetric
matrix is at most the diagonal of its absolute row sums, and roots keep the
order of positive matrices, so

    W^T W <= diag(d)^(2^(1-t)),    ||W diag(d)^(-2^-t)||_2 <= 1.

With `t = 1` these are almost-orthogonal layers. The same holds for the
convolution on the infinite grid, hence for its restriction to an image with
zero padding and for its symbol on a torus, of any size. With strides, the
pixels that one output can read alike are channels of their own.

Reference:
    - [Prach and Lampert, Almost-Orthogonal Layers for Efficient General-Purpose
      Lipschitz Networks, ECCV 2022](https://arxiv.org/abs/2208.03160)
    - [Delattre et al., Spectral Norm of Convolutional Layers with Circular and
      Zero Paddings, 2024](https://arxiv.org/abs/2402.00240)
"""

from keras import ops

# Added to row sums of matrices of Frobenius norm one: errs to the safe side.
_FLOOR = 1e-7
_TINY = 1e-30


def rescale(kernel, iterations=1):
    """Scales the shorter axis of a matrix until its norm is at most one.

    Args:
        kernel: Tensor `(inputs, outputs)`.
        iterations: Integer, `t` above: the larger, the closer the norm is to
            one. Defaults to `1`.

    Returns:
        A tensor of the same shape.
    """
    inputs, outputs = kernel.shape
    if outputs < inputs:
        return kernel * output_factors(kernel, iterations)
    return kernel * output_factors(ops.transpose(kernel), iterations)[:, None]


def output_factors(kernel, iterations=1, weights=None):
    """The factors of the outputs of matrices, `(..., outputs)`.

    Args:
        kernel: Tensor `(..., inputs, outputs)`.
        iterations: Integer, `t` above.
        weights: Positive tensor `(outputs,)`, `q`: with `t = 1`, sums
            `|P|_ij q_j / q_i` do as well as sums of `|P|_ij`.
    """
    gram, log_scale = _normal(ops.matmul(ops.swapaxes(kernel, -1, -2), kernel))
    for _ in range(iterations - 1):
        gram, log = _normal(ops.matmul(gram, gram))
        log_scale = 2.0 * log_scale + log
    return _factors(ops.abs(gram), log_scale, iterations, weights)


def rescale_convolution(kernel, strides=(1, 1), iterations=1):
    """The same for the kernel of a convolution.

    Args:
        kernel: Tensor `(height, width, inputs, outputs)`.
        strides: Pair of integers.
        iterations: Integer, `t` above. A kernel of width `k` is squared to
            one of width `(k - 1) 2^t + 1`.

    Returns:
        A tensor of the same shape.
    """
    phases = split_phases(kernel, strides)
    inputs, outputs = phases.shape[2:]
    if outputs < inputs:
        return kernel * convolution_factors(phases, iterations)
    factors = convolution_factors(ops.swapaxes(phases, 2, 3), iterations)
    scaled = join_phases(phases * factors[:, None], kernel.shape[2], strides)
    return scaled[: kernel.shape[0], : kernel.shape[1]]


def convolution_factors(kernel, iterations=1, weights=None):
    """The factors of the outputs of a convolution, `(outputs,)`.

    Args:
        kernel: Tensor `(height, width, inputs, outputs)`.
        iterations: Integer, `t` above.
        weights: As in `output_factors`.
    """
    gram, log_scale = _normal(autocorrelation(kernel))
    for _ in range(iterations - 1):
        gram, log = _normal(autocorrelation(gram))
        log_scale = 2.0 * log_scale + log
    sums = ops.sum(ops.abs(gram), axis=(0, 1))
    return _factors(sums, log_scale, iterations, weights)


def autocorrelation(kernel):
    """The kernel of `W^T W`, or of its transpose, which is as good.

    Args:
        kernel: Tensor `(height, width, inputs, outputs)`.

    Returns:
        Tensor `(2 height - 1, 2 width - 1, outputs, outputs)`.
    """
    height, width = kernel.shape[:2]
    images = ops.transpose(kernel, (3, 0, 1, 2))
    rows, columns = (height - 1,) * 2, (width - 1,) * 2
    images = ops.pad(images, ((0, 0), rows, columns, (0, 0)))
    products = ops.conv(images, kernel, data_format="channels_last")
    return ops.transpose(products, (1, 2, 0, 3))


def split_phases(kernel, strides):
    """A strided kernel as one of stride 1 on blocks of pixels as channels."""
    (rows, columns), (s, t) = kernel.shape[:2], strides
    if (s, t) == (1, 1):
        return kernel
    inputs, outputs = kernel.shape[2:]
    kernel = ops.pad(
        kernel, ((0, -rows % s), (0, -columns % t), (0, 0), (0, 0))
    )
    blocks = (-(-rows // s), -(-columns // t))
    kernel = ops.reshape(kernel, (blocks[0], s, blocks[1], t, inputs, outputs))
    kernel = ops.transpose(kernel, (0, 2, 1, 3, 4, 5))
    return ops.reshape(kernel, (*blocks, s * t * inputs, outputs))


def join_phases(kernel, inputs, strides):
    """The inverse of `split_phases`, with what was filled up."""
    s, t = strides
    if (s, t) == (1, 1):
        return kernel
    rows, columns, _, outputs = kernel.shape
    kernel = ops.reshape(kernel, (rows, columns, s, t, inputs, outputs))
    kernel = ops.transpose(kernel, (0, 2, 1, 3, 4, 5))
    return ops.reshape(kernel, (rows * s, columns * t, inputs, outputs))


def _normal(gram):
    """A matrix divided by its Frobenius norm, and the logarithm of that."""
    # The factors do not depend on the scale, so it needs no gradient.
    norm = ops.sqrt(ops.sum(ops.square(ops.stop_gradient(gram))) + _TINY)
    return gram / norm, ops.log(norm)


def _factors(absolute, log_scale, iterations, weights):
    if weights is not None:
        absolute = absolute * weights / weights[:, None]
    sums = ops.sum(absolute, axis=-1) + _FLOOR
    return ops.exp(-(ops.log(sums) + log_scale) * 2.0**-iterations)
