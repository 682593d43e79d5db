"""Tensors whose entries are functions of one entry of the input each."""

import dataclasses
import math

import numpy as np
from keras import layers

from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.formats import UP
from keras_lipschitz.propagation.nonexpansive_layers import REARRANGEMENTS

_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)


@dataclasses.dataclass(frozen=True, eq=False)
class Pointwise:
    """Where the entries of a tensor come from.

    An entry is `slope x + offset` of one entry `x` of the input, or, where it
    has kinks, such a thing with an activation that is linear between them.

    Args:
        source: Float64 array of the shape of the tensor: the number of that
            entry of the input, from 1 on, or 0 for an entry that is zero.
        slope: Likewise, before the activation.
        offset: Likewise.
        kinks: Tuple of arrays: at which `x` the activation is not smooth.
    """

    source: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    kinks: tuple = ()


def pointwise_tensors(network):
    """Which tensors of a network are of that kind.

    Args:
        network: An `EvaluatedNetwork`.

    Returns:
        Dict from tensor index to `Pointwise`. Thresholds at the beginning of
        a network are found (a convolution of one channel and one tap with a
        ReLU), and what only moves entries before and after them.
    """
    graph = network.composition.graph
    shape = tuple(graph.input_shape[1:])
    source = np.arange(1.0, np.prod(shape) + 1.0).reshape(shape)
    start = Pointwise(source, np.ones(shape), np.zeros(shape))

    def transfer(step, inputs):
        if len(inputs) > 1 or inputs[0] is None:
            return None
        return _after(step, network.evaluations[step], inputs[0])

    found = graph.walk(transfer, start, skip=network.head)
    return {i: tensor for i, tensor in found.items() if tensor is not None}


def _after(step, evaluation, tensor):
    """What a layer makes of such a tensor, or `None`."""
    if type(step.layer) in REARRANGEMENTS:

        def moved(array):
            return evaluation.compute(array[None])[0]

        return Pointwise(
            moved(tensor.source),
            moved(tensor.slope),
            moved(tensor.offset),
            tuple(map(moved, tensor.kinks)),
        )
    if tensor.kinks or evaluation.kinks is None:
        return None
    if type(step.layer) in _CONVOLUTIONS:
        tensor = _scaled(step.layer, evaluation, tensor)
    elif not isinstance(step.layer, (layers.ReLU, layers.Activation)):
        return None
    if tensor is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kinks = [(k - tensor.offset) / tensor.slope for k in evaluation.kinks]
    return dataclasses.replace(tensor, kinks=tuple(kinks))


def _scaled(layer, evaluation, tensor):
    """What a convolution of one tap makes of one channel."""
    kernel = host_array(layer.kernel)
    read = tensor.source > 0.0
    one_each = (
        np.array_equal(tensor.slope, read)
        and not tensor.offset.any()
        and kernel[..., 0].size == 1
        and tensor.source.shape[-1] == 1
        and layer.data_format == "channels_last"
        and set(layer.strides) == {1}
    )
    if not one_each:
        return None
    source = np.repeat(tensor.source, kernel.shape[-1], axis=-1)
    return Pointwise(
        source,
        read * kernel.ravel(),
        np.broadcast_to(evaluation.affine.constant, source.shape),
    )


class PixelCandidates:
    """Between which values of an entry of the input nothing bends.

    A sum of functions of one entry each, all of them linear between their
    kinks, is largest at the end of its interval or at a kink.

    Args:
        network: An `EvaluatedNetwork`.

    Attributes:
        tensors: What `pointwise_tensors` found.
    """

    def __init__(self, network):
        self.network = network
        self.tensors = pointwise_tensors(network)
        self.kinks = self._kinks()

    def of(self, lower, upper):
        """The candidates of every entry, as inputs: `(count, *shape)`."""
        inside = (self.kinks > lower) & (self.kinks < upper)
        kinks = np.sort(np.where(inside, self.kinks, lower), axis=0)[::-1]
        most = inside.sum(axis=0).max(initial=0)
        return np.stack([lower, upper, *kinks[:most]])

    def values(self, inputs):
        """What the tensors are for a batch of inputs: dict by index."""

        def transfer(step, values):
            if step.outputs[0] not in self.tensors:
                return None
            return self.network.evaluations[step].compute(*values)

        graph = self.network.composition.graph
        return graph.walk(transfer, inputs, skip=self.network.head)

    def rounding(self, boxes):
        """How far the tensors may be from `values`: dict by index.

        Args:
            boxes: Dict from tensor index to the `TrackedBox` of one input.
        """

        def transfer(step, off):
            if step.outputs[0] not in self.tensors:
                return None
            box = boxes[step.outputs[0]]
            # Here and where it is deployed, and by the place of kinks.
            own = 4.0 * box.rounding + DOUBLE.gamma(256) * box.terms
            return self.network.carried(step, off) * UP + np.max(own)

        graph = self.network.composition.graph
        found = graph.walk(transfer, 0.0, skip=self.network.head)
        return {i: off for i, off in found.items() if off is not None}

    def _kinks(self):
        """Array `(count, *shape)`; zeros where an entry has fewer."""
        shape = self.network.composition.graph.input_shape[1:]
        found = [set() for _ in range(math.prod(shape))]
        for tensor in self.tensors.values():
            sources = tensor.source.ravel().astype("int64") - 1
            for kinks in tensor.kinks:
                for source, kink in zip(sources, kinks.ravel(), strict=True):
                    if source >= 0 and np.isfinite(kink):
                        found[source].add(kink)
        count = max(map(len, found))
        padded = [[*kinks, *[0.0] * (count - len(kinks))] for kinks in found]
        return np.array(padded).T.reshape(count, *shape)
