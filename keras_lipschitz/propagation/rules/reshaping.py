"""Layers that move, copy or drop entries."""

import functools
import math

import numpy as np
import scipy.sparse
from keras import layers

from keras_lipschitz.ops.nonnegative import averaging_norm
from keras_lipschitz.ops.rounding import root_up
from keras_lipschitz.propagation.registry import cannot_bound
from keras_lipschitz.propagation.registry import register_rule
from keras_lipschitz.propagation.rules.sizes import spatial_sizes


@register_rule(
    layers.InputLayer,
    layers.Identity,
    layers.Flatten,
    layers.Reshape,
    layers.Permute,
    layers.Cropping1D,
    layers.Cropping2D,
    layers.Cropping3D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.ZeroPadding3D,
)
def isometry(layer, x):
    """Entries stay as they are; where some are dropped, the others do."""
    return x.constant


@register_rule(layers.RepeatVector)
def repeat_vector(layer, x):
    return x.constant * root_up(layer.n)


@register_rule(layers.UpSampling1D)
def up_sampling_1d(layer, x):
    return x.constant * root_up(layer.size)


@register_rule(layers.UpSampling3D)
def up_sampling_nearest(layer, x):
    return x.constant * root_up(math.prod(layer.size))


@register_rule(layers.UpSampling2D)
def up_sampling_2d(layer, x):
    check_interpolation(layer)
    if layer.interpolation == "nearest":
        return up_sampling_nearest(layer, x)
    constant = x.constant
    sizes = spatial_sizes(layer, x)
    for size, factor in zip(sizes, layer.size, strict=True):
        constant = constant * _linear_interpolation_norm(size, factor)
    return constant


def check_interpolation(layer):
    """Refuses weights that are negative or do not add up to one."""
    if layer.interpolation not in ("nearest", "bilinear"):
        raise cannot_bound(
            layer,
            "expected interpolation='nearest' or 'bilinear'. Received: "
            f"interpolation={layer.interpolation!r}",
        )


@functools.lru_cache
def _linear_interpolation_norm(size, factor):
    """The norm of linear interpolation along one axis.

    Output `i` lies at `(i + 1/2) / factor - 1/2` of the input, between two
    entries that share it by distance; beyond the border the last one is kept.
    """
    rows = np.arange(size * factor)
    # In units of 1 / (2 factor), in which all positions are whole.
    left, share = np.divmod(2 * rows + 1 - factor, 2 * factor)
    weights = np.concatenate([2 * factor - share, share])
    columns = np.clip(np.concatenate([left, left + 1]), 0, size - 1)
    return averaging_norm(
        scipy.sparse.coo_array(
            (weights, (np.tile(rows, 2), columns)), (len(rows), size)
        )
    )
