"""Residual blocks of Keras' own layers, as single steps of a graph."""

import collections
import dataclasses
import itertools

import keras
from keras import layers

from keras_lipschitz.layers.lipschitz_layer import InnerMapLipschitzLayer
from keras_lipschitz.layers.one_lipschitz.convex_potential import (
    is_potential_activation,
)
from keras_lipschitz.layers.one_lipschitz.convex_potential import (
    potential_constant,
)
from keras_lipschitz.propagation.graph import Step
from keras_lipschitz.propagation.registry import linear_map_of

_LINEAR = keras.activations.linear


@dataclasses.dataclass(frozen=True, eq=False)
class ResidualBlock(InnerMapLipschitzLayer):
    """`y = x + second(activation(first(x)))`: layers that count as one.

    A convex potential step, as `SLLDense` and `CPLConv2D` take it, and its
    constant is that of one, if the kernel of `second` is -2 times the adjoint
    of that of `first`. That is up to the weights, so it is not looked at here:
    who takes the block for one layer has to have compared them.

    Args:
        branch: The `Step`s of `first`, of an activation layer if there is one,
            and of `second`.
    """

    branch: tuple

    @property
    def name(self):
        return self.branch[0].name

    @property
    def first(self):
        return self.branch[0].layer

    @property
    def second(self):
        return self.branch[-1].layer

    @property
    def activation(self):
        """The function between the two; `None` where it is not one or known."""
        functions = [self.first.activation]
        functions += [_function_of(step.layer) for step in self.branch[1:-1]]
        curved = [f for f in functions if f is not _LINEAR] or [_LINEAR]
        return curved[0] if len(curved) == 1 else None

    # All have one policy.

    @property
    def dtype_policy(self):
        return self.first.dtype_policy

    @property
    def compute_dtype(self):
        return self.first.compute_dtype

    @property
    def variable_dtype(self):
        return self.first.variable_dtype

    def call(self, inputs):
        y = inputs
        for step in self.branch:
            y = step.layer(y)
        return inputs + y

    def inner_map(self, input_shape):
        return linear_map_of(self.first, input_shape)

    def constant_of_norm(self, norm):
        return potential_constant(norm)


def residual_blocks(graph):
    """The residual blocks of a graph, whatever their weights.

    An `Add` of a tensor `x` and of `second(activation(first(x)))`, two `Dense`
    or two `Conv2D` layers, where nothing else reads what is in between.

    Args:
        graph: A `Graph`.

    Returns:
        List of pairs: the `Step` of a `ResidualBlock`, and the steps in whose
        place it stands, in order.
    """
    writers = {i: step for step in graph.steps for i in step.outputs}
    readers = collections.Counter(i for s in graph.steps for i in s.inputs)
    readers[graph.output] += 1
    found = []
    for add in filter(_adds_two, graph.steps):
        for start, end in itertools.permutations(add.inputs):
            branch = _branch(start, end, writers, readers)
            if len(branch) in (2, 3) and _is_block(branch, add):
                found.append((_step(branch, add), (*branch, add)))
    return found


def _adds_two(step):
    """Whether a step adds two tensors of one shape."""
    return (
        type(step.layer) is layers.Add
        and len(step.inputs) == 2
        and len(set(step.input_shapes)) == 1
    )


def _branch(start, end, writers, readers):
    """The steps on the one way between two tensors; none if there are more."""
    steps = []
    while end != start:
        step = writers.get(end)
        if step is None or readers[end] != 1 or len(step.inputs) != 1:
            return ()
        steps.append(step)
        (end,) = step.inputs
    return tuple(reversed(steps))


def _is_block(branch, add):
    first, second = branch[0].layer, branch[-1].layer
    steps = (*branch, add)
    return (
        type(first) is type(second)
        and type(first) in (layers.Dense, layers.Conv2D)
        and getattr(first, "data_format", None)
        == getattr(second, "data_format", None)
        and is_potential_activation(ResidualBlock(branch).activation)
        and second.activation is _LINEAR
        and len({step.layer.dtype_policy.name for step in steps}) == 1
    )


def _step(branch, add):
    block = ResidualBlock(branch)
    return Step(
        layer=block,
        name=block.name,
        inputs=branch[0].inputs,
        outputs=add.outputs,
        input_shapes=branch[0].input_shapes,
        output_shapes=add.output_shapes,
    )


def _function_of(layer):
    """The function of an activation layer, or `None`."""
    if type(layer) is layers.Activation:
        return layer.activation
    is_plain = type(layer) is layers.ReLU and (
        layer.max_value is None
        and not layer.negative_slope
        and not layer.threshold
    )
    return keras.activations.relu if is_plain else None
