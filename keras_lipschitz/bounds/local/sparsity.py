"""How far units are from not varying."""

from keras import layers
from keras import ops

from keras_lipschitz.layers.clipped_min_max import ClippedMinMax
from keras_lipschitz.layers.relu_theta import ReLUTheta

# What a unit above its threshold counts beside one below zero.
_ABOVE = 0.1


def sparsity(composition, regions):
    """The mean distance of units from where they cannot vary, by layer, added.

    For boxes `[lower, upper]` before the activation,

        ReLU:           mean relu(upper)
        ReLUTheta:      mean relu(upper) + 0.1 mean relu(theta - lower)
        ClippedMinMax:  mean relu(min(upper_a, upper_b) - low)
                        + mean relu(high - max(lower_a, lower_b))

    Args:
        composition: The `Composition` of the network.
        regions: Dict from tensor index to `Region`.

    Returns:
        A scalar.

    Reference:
        - [Huang et al., Training Certifiably Robust Neural Networks with
          Efficient Local Lipschitz Bounds, NeurIPS 2021](
          https://arxiv.org/abs/2111.01395)
    """
    return sum(
        _distance(step.layer, regions[step.inputs[0]])
        for step in composition.body
    )


def _distance(layer, x):
    if type(layer) is layers.ReLU:
        return _mean_excess(x.upper)
    if type(layer) is ReLUTheta:
        below = _mean_excess(layer.theta - x.lower)
        return _mean_excess(x.upper) + _ABOVE * below
    if type(layer) is ClippedMinMax:
        upper = ops.minimum(*ops.split(x.upper, 2, axis=layer.axis))
        lower = ops.maximum(*ops.split(x.lower, 2, axis=layer.axis))
        low = _mean_excess(upper - layer.low)
        return low + _mean_excess(layer.high - lower)
    return 0.0


def _mean_excess(x):
    return ops.mean(ops.relu(x))
