"""How the Lipschitz constants of layers compose to that of a network."""

import keras

from keras_lipschitz.layers.lipschitz_layer import InnerMapLipschitzLayer
from keras_lipschitz.ops.linear_maps import DenseMap
from keras_lipschitz.propagation.checks import check_arithmetic
from keras_lipschitz.propagation.checks import check_inputs
from keras_lipschitz.propagation.checks import check_size
from keras_lipschitz.propagation.checks import naming
from keras_lipschitz.propagation.graph import trace
from keras_lipschitz.propagation.norms import check_norm
from keras_lipschitz.propagation.registry import Signal
from keras_lipschitz.propagation.registry import constant_of
from keras_lipschitz.propagation.registry import deciding_map_of
from keras_lipschitz.propagation.registry import linear_map_of
from keras_lipschitz.propagation.registry import rule_of


class Composition:
    """The Lipschitz constant of a network, up to the norms of its layers.

    The network is split into its head, the last `Dense` layer, and its body,
    everything below. The body's constant is a walk over the graph in which
    only the norms of the linear maps are left open: whoever supplies
    estimates gets an estimate, whoever supplies upper bounds gets a bound.

    Args:
        base: A built Keras model with one input that ends in logits.
        norm: `2` or `"inf"`, how tensors are measured. Defaults to `2`.
        graph: Its `Graph`, where that is another than `trace` finds.

    Attributes:
        graph: The `Graph` of the model.
        head: The step of the last `Dense` layer, or `None` where the model
            ends in something else.
        linear_maps: Dict from the key of a step (`key_of`) to the
            `LinearMap` that decides its constant: of the layer itself, or
            inside it (`is_linear` tells); uses of one layer on equal shapes
            share it. The head is not among them.
        layers: Dict from the same keys to the layer.
        names: Dict from the same keys to the name of the first use.
    """

    def __init__(self, base, norm=2, graph=None):
        self.norm = check_norm(norm)
        self.graph = trace(base) if graph is None else graph
        self.head = _head(self.graph)
        self.linear_maps, self.layers, self.names = {}, {}, {}
        for step in self.body:
            key = key_of(step)
            linear_map = _map_of(step, deciding_map_of)
            if linear_map is not None and key not in self.linear_maps:
                self.linear_maps[key] = linear_map
                self.layers[key] = step.layer
                self.names[key] = step.name
        # Refuses at once what has no rule.
        self.body_constant(dict.fromkeys(self.linear_maps, 1.0))

    @property
    def body(self):
        return [step for step in self.graph.steps if step is not self.head]

    @property
    def last(self):
        """The index of the tensor that the head reads, or of the output."""
        return self.graph.output if self.head is None else self.head.inputs[0]

    @property
    def classes(self):
        return self.graph.output_shape[-1]

    @property
    def head_map(self):
        """The `DenseMap` of the head."""
        return linear_map_of(self.head.layer, self.head.input_shapes[0])

    def constants(self, norms, one=1.0):
        """The constant of every tensor below the head.

        Args:
            norms: Dict from key to the norm of that linear map.
            one: The constant of the input: fixes the arithmetic.

        Returns:
            Dict from tensor index to constant.
        """
        for step in self.graph.steps:
            # Again, for a layer may have been quantised since.
            check_arithmetic(step)

        def transfer(step, inputs):
            return self.transfer(step, inputs, norms)

        return self.graph.walk(transfer, one, skip=self.head)

    def body_constant(self, norms, one=1.0):
        """The constant of what the head reads (of the output without head)."""
        return self.constants(norms, one)[self.last]

    def transfer(self, step, inputs, norms):
        """The constant of a step's output from those of its inputs."""
        key = key_of(step)
        with naming(step):
            if key in norms:
                return inputs[0] * constant_of(
                    step.layer, norms[key], self.norm
                )
            rule = rule_of(step.layer, step.name, len(inputs), self.norm)
            check_inputs(step, rule)
            signals = [
                Signal(constant, shape)
                for constant, shape in zip(
                    inputs, step.input_shapes, strict=True
                )
            ]
            return rule(step.layer, *signals)


def key_of(step):
    """What decides the linear map of a step: the layer and its input size."""
    return id(step.layer), step.input_shapes


def is_linear(step):
    """Whether a step is its linear map, up to bias and activation."""
    return not isinstance(step.layer, InnerMapLipschitzLayer)


def _map_of(step, map_of):
    check_arithmetic(step)
    with naming(step):
        linear_map = map_of(step.layer, step.input_shapes[0])
        if linear_map is not None:
            # It reads one tensor, as the function that describes it does.
            check_inputs(step, map_of)
            check_size(step, linear_map)
        return linear_map


def _head(graph):
    if len(graph.output_shape) != 2 or (graph.output_shape[-1] or 0) < 2:
        raise ValueError(
            "Expected a classifier with logits of shape (batch, classes), two "
            f"classes or more. Received: output shape {graph.output_shape}"
        )
    last = next((s for s in graph.steps if graph.output in s.outputs), None)
    if last is None:
        raise ValueError("Expected a model with layers. Received an empty one.")
    kind = type(last.layer)
    activation = getattr(last.layer, "activation", None)
    if kind is keras.layers.Softmax:
        activation = keras.activations.softmax
    if activation not in (None, keras.activations.linear):
        what = getattr(activation, "__name__", repr(activation))
        raise ValueError(
            "Expected a model that ends in logits. Received: a model whose "
            f"last layer {last.name!r} applies {what!r}. Remove it: the losses "
            "and decisions of GloroModel work on logits."
        )
    linear_map = _map_of(last, linear_map_of)
    return last if type(linear_map) is DenseMap else None
