"""Layers with a kernel."""

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_lipschitz.certification.absolute_norm import absolute_norm
from keras_lipschitz.certification.evaluation import Evaluation
from keras_lipschitz.certification.evaluation import register_evaluation
from keras_lipschitz.certification.evaluations.activations import (
    evaluation_of_activation,
)
from keras_lipschitz.certification.host import constant
from keras_lipschitz.certification.operators import operator_of
from keras_lipschitz.ops.linear_maps import ConvolutionMap
from keras_lipschitz.ops.linear_maps import DenseMap
from keras_lipschitz.ops.linear_maps import DepthwiseConvolutionMap


def linear_evaluation(layer, linear_map):
    """The `Evaluation` of kernel, bias and activation.

    Args:
        layer: A Keras layer.
        linear_map: Its `DenseMap` or `ConvolutionMap`.

    Returns:
        An `Evaluation`, or `None` for a map of another kind.
    """
    kernel = host_array(linear_map.read_kernel())
    if type(linear_map) is DenseMap:
        bias, terms = _bias(layer), kernel.shape[0]
    elif type(linear_map) is ConvolutionMap:
        bias, terms = _channel_bias(layer), np.prod(kernel.shape[:-1])
    elif type(linear_map) is DepthwiseConvolutionMap:
        bias, terms = _channel_bias(layer), np.prod(kernel.shape[:-2])
    else:
        return None
    return _evaluation(layer, linear_map, linear_map.apply, kernel, bias, terms)


@register_evaluation(layers.EinsumDense)
def einsum_dense(layer, step):
    # Imported here: rules and evaluations describe layers independently.
    from keras_lipschitz.bounds.registry import linear_map_of

    linear_map = linear_map_of(layer, step.input_shapes[0])
    kernel = host_array(layer.kernel)

    def apply(x, kernel):
        return ops.einsum(layer.equation, x, kernel)

    terms = host_array(linear_map.read_kernel()).shape[-2]
    return _evaluation(layer, linear_map, apply, kernel, _bias(layer), terms)


def _evaluation(layer, linear_map, apply, kernel, bias, terms):
    linear = Evaluation(
        lambda x: apply(x, constant(kernel)) + constant(bias),
        # One product and `terms` sums, the bias included; one to spare.
        roundings=int(terms) + 2,
        offset=np.abs(bias),
        absolute=lambda x: (
            apply(x, constant(np.abs(kernel))) + constant(np.abs(bias))
        ),
        gain=absolute_norm(operator_of(linear_map)),
        refusal=_refusal(layer),
    )
    return linear.then(evaluation_of_activation(layer.activation))


def _bias(layer):
    bias = getattr(layer, "bias", None)
    return np.zeros(1) if bias is None else host_array(bias)


def _channel_bias(layer):
    bias = _bias(layer)
    if layer.data_format == "channels_first":
        return bias.reshape(-1, *[1] * len(layer.kernel_size))
    return bias


def _refusal(layer):
    """Only a layer as Keras wrote it, with a plain kernel, is known to sum."""
    as_keras = type(layer).call.__module__.partition(".")[0] == "keras"
    if as_keras and isinstance(layer.kernel, keras.Variable):
        return None
    return "its kernel is computed from other weights at every call"


def host_array(tensor):
    """The values of a tensor or variable in float64, converted exactly."""
    return ops.convert_to_numpy(tensor).astype("float64")
