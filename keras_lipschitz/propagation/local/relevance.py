"""Which entries of a tensor can have a part in how the output varies."""

from keras import layers
from keras import ops

from keras_lipschitz.layers.clipped_min_max import ClippedMinMax
from keras_lipschitz.layers.min_max import MinMax
from keras_lipschitz.propagation.composition import key_of
from keras_lipschitz.propagation.local.boxes import is_entrywise
from keras_lipschitz.propagation.local.regions import reads_entries


def relevant_outputs(composition, regions):
    """For every step, which entries of its output matter, as masks.

    An entry matters where it can vary and something that reads it can vary
    with it. Rows of a linear map that do not matter may be left out of its
    norm: behind them stands a factor zero in every Jacobian of the ball.

    Args:
        composition: The `Composition` of the network.
        regions: Dict from tensor index to `Region`.

    Returns:
        Dict from tensor index to a float tensor of zeros and ones.
    """
    needed = {}
    for step in reversed(composition.body):
        for output in step.outputs:
            mask = regions[output].varying
            if output in needed:
                mask = mask * needed[output]
            needed[output] = mask
        mask = needed[step.outputs[0]]
        linear_map = composition.linear_maps.get(key_of(step))
        for i in step.inputs:
            if reads_entries(step, linear_map):
                asked = ops.ones_like(regions[i].varying)
            else:
                asked = _asked_of_input(step.layer, mask, regions[i])
            needed[i] = ops.maximum(needed[i], asked) if i in needed else asked
    return needed


def _asked_of_input(layer, mask, region):
    """Which entries of its input a layer makes something of."""
    if is_entrywise(layer):
        return mask
    if type(layer) is ClippedMinMax or (
        type(layer) is MinMax and layer.pairing == "halves"
    ):
        either = ops.maximum(*ops.split(mask, 2, axis=layer.axis))
        return ops.concatenate([either, either], axis=layer.axis)
    if _keeps_order(layer):
        return ops.reshape(mask, ops.shape(region.varying))
    return ops.ones_like(region.varying)


def _keeps_order(layer):
    if type(layer) is layers.Flatten:
        return layer.data_format == "channels_last"
    return type(layer) is layers.Reshape
