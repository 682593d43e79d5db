"""Layers with a kernel."""

import dataclasses

import keras
import numpy as np
from keras import layers
from scipy import sparse

from keras_lipschitz.certification.evaluations.absolute_norm import (
    absolute_norm,
)
from keras_lipschitz.certification.evaluations.activations import (
    evaluation_of_activation,
)
from keras_lipschitz.certification.evaluations.batch_convolution import (
    batch_convolution,
)
from keras_lipschitz.certification.evaluations.evaluation import Affine
from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import entries
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.certification.norms.operators import (
    CircularConvolutionOperator,
)
from keras_lipschitz.certification.norms.operators import ConvolutionOperator
from keras_lipschitz.certification.norms.operators import DenseOperator
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.ops.circular_convolution import CircularConvolutionMap
from keras_lipschitz.ops.linear_maps import ConvolutionMap
from keras_lipschitz.ops.linear_maps import DenseMap
from keras_lipschitz.propagation.registry import linear_map_of

COMPUTED_KERNEL = (
    "its kernel is computed from other weights at every call "
    "(`keras_lipschitz.models.to_plain` stores it)"
)


def linear_evaluation(layer, linear_map):
    """The `Evaluation` of kernel, bias and activation.

    Args:
        layer: A Keras layer.
        linear_map: Its `DenseMap` or `ConvolutionMap`.

    Returns:
        An `Evaluation`, or `None` for a map of another kind.
    """
    operator = operator_of(linear_map)
    if type(linear_map) is DenseMap:
        return _evaluation(
            layer, operator, lambda x, matrix: x @ matrix.T, operator.matrix
        )
    if isinstance(linear_map, (ConvolutionMap, CircularConvolutionMap)):
        return _convolution(layer, operator, linear_map.data_format)
    return None


@register_evaluation(layers.EinsumDense)
def einsum_dense(layer, step):
    operator = operator_of(linear_map_of(layer, step.input_shapes[0]))

    def apply(x, kernel):
        return np.einsum(layer.equation, x, kernel, optimize=True)

    evaluation = _evaluation(layer, operator, apply, host_array(layer.kernel))
    # Axes may change places.
    return dataclasses.replace(evaluation, affine=None)


def _convolution(layer, operator, data_format):
    first = data_format == "channels_first"

    def apply(x, kernel):
        x = np.moveaxis(x, 1, -1) if first else x
        y = convolve(operator.with_entries(kernel), x)
        return np.moveaxis(y, -1, 1) if first else y

    rank = operator.kernel.ndim - 2
    shape = (-1, *[1] * rank) if first else (-1,)
    return _evaluation(layer, operator, apply, operator.kernel, shape, first)


def convolve(operator, x):
    """A convolution of a batch with the channels last, zero or circular."""
    if isinstance(operator, CircularConvolutionOperator):
        return batch_convolution(operator.unrolled, operator.continued(x))
    return batch_convolution(operator, x)


def _evaluation(
    layer, operator, apply, kernel, bias_shape=None, channels_first=False
):
    bias = getattr(layer, "bias", None)
    bias = np.zeros(1) if bias is None else host_array(bias)
    if bias_shape is not None:
        bias = bias.reshape(bias_shape)

    def box(ends):
        lower, upper = ends
        middle = apply((lower + upper) / 2.0, kernel) + bias
        reach = apply((upper - lower) / 2.0, np.abs(kernel))
        return middle - reach, middle + reach

    linear = Evaluation(
        lambda x: apply(x, kernel) + bias,
        # One product and a sum for each term, the bias included; one to spare.
        roundings=_terms(operator) + 2,
        offset=np.abs(bias),
        absolute=lambda x: apply(x, np.abs(kernel)) + np.abs(bias),
        gain=absolute_norm(operator),
        refusal=refusal_of(layer),
        box=box,
        affine=_affine(operator, bias, channels_first),
    )
    return linear.then(evaluation_of_activation(layer.activation))


def _affine(operator, bias, first):
    """The layer without its activation, or `None` where it is no matrix."""
    if isinstance(operator, DenseOperator):

        def matrices(step):
            copies = entries(step.input_shapes[0]) // operator.shape[1]
            if copies == 1:
                return (operator.matrix,)
            return (sparse.kron(sparse.eye_array(copies), operator.matrix),)

    elif isinstance(operator, ConvolutionOperator) and not first:

        def matrices(step):
            return (operator.sparse(),)

    else:
        return None
    return Affine(matrices, bias)


def _terms(operator):
    """How many products an output is at most the sum of."""
    if hasattr(operator, "matrix"):
        return operator.matrix.shape[1]
    # Blocks are (blocks, inputs, outputs), kernels (*taps, inputs, outputs).
    skipped = 0 if hasattr(operator, "kernel") else 1
    return int(np.prod(operator.entries.shape[skipped:-1]))


def refusal_of(layer):
    """Only a layer as Keras or we wrote it, with a kernel that is a weight, is
    known to sum."""
    author = type(layer).call.__module__.partition(".")[0]
    known = author in ("keras", "keras_lipschitz")
    if known and isinstance(layer.kernel, keras.Variable):
        return None
    return COMPUTED_KERNEL
