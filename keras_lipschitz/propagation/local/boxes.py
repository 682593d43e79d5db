"""What the rules of the box domain say of steps, beside a centre."""

from keras import layers
from keras import ops

from keras_lipschitz.layers.relu_theta import ReLUTheta
from keras_lipschitz.ops.activations import is_increasing
from keras_lipschitz.propagation.intervals.box import Box
from keras_lipschitz.propagation.intervals.linear import activated
from keras_lipschitz.propagation.intervals.registry import increasing
from keras_lipschitz.propagation.intervals.registry import interval_rule_of
from keras_lipschitz.propagation.intervals.registry import monotone
from keras_lipschitz.propagation.rules.regularization import INACTIVE

_ENTRYWISE = {
    *INACTIVE,
    ReLUTheta,
    layers.Activation,
    layers.ELU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ReLU,
}


def box_of(step, boxes):
    """The box of a step's output from those of its inputs.

    Args:
        step: A `Step`.
        boxes: A `Box` for each input.

    Returns:
        A `Box`, or `None` where the layer has no rule.
    """
    rule = _rule_of(step.layer)
    return None if rule is None else rule(step.layer, *boxes)


def box_behind_activation(step, center, below, above):
    """The box of a linear step from what its centre can fall and rise."""
    if never_falls(step.layer.activation):
        box = Box(center - below, center + above, center)
    else:
        # What has no direction needs as much room on both sides.
        box = Box.around(center, ops.maximum(below, above))
    return activated(step.layer.activation, box)


def never_falls(activation):
    """Whether ends of a box go to ends."""
    return activation is None or is_increasing(activation)


def is_increasing_layer(layer):
    """Whether no entry of a layer ever falls when its inputs rise."""
    if type(layer) is layers.Activation:
        return is_increasing(layer.activation)
    if type(layer) in (layers.ReLU, layers.LeakyReLU):
        return layer.negative_slope >= 0.0
    return _rule_of(layer) is increasing or type(layer) is layers.Concatenate


def is_entrywise(layer):
    """Whether each entry of the output looks at the one entry at its place."""
    return type(layer) in _ENTRYWISE or _rule_of(layer) is monotone


def _rule_of(layer):
    try:
        return interval_rule_of(layer, layer.name)
    except ValueError:
        return None
