"""The walk of boxes over a graph."""

from keras import ops

from keras_lipschitz.propagation.checks import check_inputs
from keras_lipschitz.propagation.checks import naming
from keras_lipschitz.propagation.intervals.box import Box
from keras_lipschitz.propagation.intervals.registry import interval_rule_of


def input_box(inputs, epsilon, clip=None):
    """The box of all inputs at most `epsilon` away.

    Args:
        inputs: Tensor `(batch, ...)`.
        epsilon: Scalar, or tensor that broadcasts against the inputs.
        clip: Pair of numbers that inputs are known to lie between, or `None`.
            An input outside is still in its box.
    """
    box = Box.around(inputs, epsilon)
    if clip is None:
        return box
    lowest, highest = clip
    return Box(
        ops.maximum(box.lower, ops.minimum(inputs, lowest)),
        ops.minimum(box.upper, ops.maximum(inputs, highest)),
        inputs,
    )


def propagate(graph, box, training=False, skip=None):
    """Carries a box through a network.

    Args:
        graph: A `Graph`.
        box: The `Box` of the input.
        training: Whether rules that serve training alone may be used.
        skip: A step to leave out.

    Returns:
        Dict from tensor index to `Box`.
    """

    def transfer(step, boxes):
        with naming(step):
            rule = interval_rule_of(step.layer, step.name, training)
            check_inputs(step, rule)
            return rule(step.layer, *boxes)

    return graph.walk(transfer, box, skip)


def check_rules(graph, skip=None):
    """Refuses a network with a layer that has no rule."""
    for step in graph.steps:
        if step is not skip:
            interval_rule_of(step.layer, step.name)
