"""Layers with a kernel: dense, convolutional, depthwise, einsum."""

import dataclasses
import math

from keras import layers
from keras import ops

from keras_lipschitz.layers.linear_maps import convolution_map
from keras_lipschitz.layers.linear_maps import dense_map
from keras_lipschitz.layers.linear_maps import depthwise_convolution_map
from keras_lipschitz.ops.linear_maps import BlockDenseMap
from keras_lipschitz.ops.linear_maps import DenseMap
from keras_lipschitz.propagation.registry import cannot_bound
from keras_lipschitz.propagation.registry import register_linear_map

register_linear_map(layers.Dense)(dense_map)
register_linear_map(layers.Conv2D, layers.Conv3D)(convolution_map)
register_linear_map(layers.DepthwiseConv1D, layers.DepthwiseConv2D)(
    depthwise_convolution_map
)


@register_linear_map(layers.Conv1D)
def conv1d_map(layer, input_shape):
    """The map of `Conv1D`; causal padding is `"same"` for a longer kernel.

    Causal padding puts `k - 1` (dilated) zeros before the signal. With stride
    1, `"same"` does just that for the kernel followed by `k - 1` zero taps.
    """
    linear_map = convolution_map(layer, input_shape)
    if layer.padding != "causal":
        return linear_map
    if layer.strides != (1,):
        raise cannot_bound(
            layer,
            "causal padding is known for strides=1 only. Received: "
            f"strides={layer.strides}",
        )
    zeros = layer.kernel_size[0] - 1
    return dataclasses.replace(
        linear_map,
        padding="same",
        read_kernel=lambda: ops.pad(layer.kernel, [[0, zeros], [0, 0], [0, 0]]),
    )


@register_linear_map(layers.EinsumDense)
def einsum_dense_map(layer, input_shape):
    """The map of an `EinsumDense` that is a matrix for every position.

    Axes that input, kernel and output share hold one matrix for each index;
    axes that the kernel shares with the input alone are summed over, with the
    output alone are new. Axes without the kernel only repeat the map.
    """
    inputs, kernel, outputs = _einsum_axes(layer)
    blocks = [a for a in kernel if a in inputs and a in outputs]
    summed = [a for a in kernel if a in inputs and a not in outputs]
    new = [a for a in kernel if a in outputs and a not in inputs]
    order = [kernel.index(a) for a in (*blocks, *summed, *new)]
    sizes = dict(zip(kernel, layer.kernel.shape, strict=True))
    shape = tuple(
        math.prod(sizes[a] for a in axes) for axes in (blocks, summed, new)
    )
    if not blocks:
        shape = shape[1:]

    def read_kernel():
        return ops.reshape(ops.transpose(layer.kernel, order), shape)

    map_type = BlockDenseMap if blocks else DenseMap
    return map_type(read_kernel, shape[:-1], (*shape[:-2], shape[-1]))


def _einsum_axes(layer):
    """The axes of input, kernel and output; `"."` stands for an ellipsis."""
    left, outputs = layer.equation.replace("...", ".").split("->")
    inputs, kernel = left.split(",")
    terms = (inputs, kernel, outputs)
    repeated = any(len(set(term)) < len(term) for term in terms)
    # Every axis is in two of the three, or in all.
    unmatched = any(
        sum(a in term for term in terms) < 2 for a in "".join(terms)
    )
    # The batch comes first and the kernel has no part in it.
    batched = inputs[0] == outputs[0] and inputs[0] not in kernel
    if repeated or unmatched or not batched or "." in kernel:
        raise cannot_bound(
            layer,
            "expected an equation like 'ab,bc->ac' or '...x,xy->...y', the "
            "batch first and every axis in two of its three terms or in all. "
            f"Received: equation={layer.equation!r}",
        )
    return terms
