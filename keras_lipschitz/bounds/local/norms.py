"""Norms of the linear maps on what can vary around one input."""

from keras import ops

from keras_lipschitz.ops.masked_power_method import masked_norms
from keras_lipschitz.propagation.composition import key_of
from keras_lipschitz.propagation.local.regions import reads_entries


def local_norms(composition, regions, relevant, starts, steps):
    """Estimates of the norms of linear maps, for every sample.

    Args:
        composition: The `Composition` of the network.
        regions: Dict from tensor index to `Region`.
        relevant: Dict from tensor index to the mask of entries that matter.
        starts: Dict from the key of a linear map to the left vector with which
            its power method begins. Maps that are missing are left out.
        steps: Integer, power iterations.

    Returns:
        Dict from key to a tensor `(batch,)`; of a layer that is used more than
        once, the largest.
    """
    norms = {}
    for step in composition.body:
        key = key_of(step)
        linear_map = composition.linear_maps.get(key)
        if key not in starts or not reads_entries(step, linear_map):
            continue
        norm = _norm(
            linear_map,
            regions[step.inputs[0]].varying,
            relevant[step.outputs[0]],
            starts[key],
            steps,
        )
        norms[key] = ops.maximum(norms[key], norm) if key in norms else norm
    return norms


def _norm(linear_map, columns, rows, start, steps):
    batch = ops.shape(columns)[0]
    # A `Dense` layer on more than vectors is the same map at every place.
    norms = masked_norms(
        linear_map,
        linear_map.kernel,
        start,
        ops.reshape(columns, (-1, *linear_map.input_shape)),
        ops.reshape(rows, (-1, *linear_map.output_shape)),
        steps,
    )
    return ops.max(ops.reshape(norms, (batch, -1)), axis=1)
