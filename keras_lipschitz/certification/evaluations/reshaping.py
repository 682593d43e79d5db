"""Layers that move, copy, drop, sort or pass on entries: nothing rounds."""

import dataclasses
import functools
import math

import numpy as np
from keras import layers
from keras import ops
from scipy import sparse

from keras_lipschitz.certification.evaluations.evaluation import IDENTITY
from keras_lipschitz.certification.evaluations.evaluation import Affine
from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import increasing_box
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.layers.group_sort import GroupSort
from keras_lipschitz.layers.min_max import MinMax
from keras_lipschitz.propagation.nonexpansive_layers import REARRANGEMENTS
from keras_lipschitz.propagation.registry import cannot_bound

PASSED_ON = Evaluation(lambda x: x, affine=IDENTITY)
# Up to here, float32 holds every whole number.
_LARGEST = 2**24


@register_evaluation(*REARRANGEMENTS)
def rearrangement(layer, step):
    """Asks the layer where it takes every entry from.

    It is called on the numbers 1, 2, ... in place of the entries; zero is what
    it fills in.
    """

    @functools.cache
    def sources(shape):
        count = math.prod(shape)
        if count >= _LARGEST:
            raise cannot_bound(layer, f"it moves {count} entries at once")
        numbers = np.arange(1, count + 1, dtype="float32").reshape(1, *shape)
        moved = layer.call(ops.convert_to_tensor(numbers))
        return ops.convert_to_numpy(moved)[0].astype("int64")

    def compute(x):
        taken = sources(x.shape[1:])
        if np.array_equal(taken.ravel(), np.arange(1, x[0].size + 1)):
            return x.reshape(len(x), *taken.shape)
        flat = np.pad(x.reshape(len(x), -1), ((0, 0), (1, 0)))
        return flat[:, taken]

    def matrices(step):
        shape = step.input_shapes[0][1:]
        taken, count = sources(shape).ravel(), math.prod(shape)
        places = (np.arange(len(taken)), taken)
        moves = sparse.csr_array(
            (np.ones(len(taken)), places), shape=(len(taken), count + 1)
        )
        return (moves[:, 1:],)

    return Evaluation(compute, affine=Affine(matrices))


@register_evaluation(layers.UpSampling2D)
def up_sampling_2d(layer, step):
    if layer.interpolation != "nearest":
        return None
    copied = rearrangement(layer, step)
    return dataclasses.replace(copied, box=increasing_box(copied.compute))


@register_evaluation(MinMax, GroupSort)
def sorting(layer, step):
    channels = step.input_shapes[0][layer.axis]

    def compute(x):
        x = np.moveaxis(x, layer.axis, -1)
        if isinstance(layer, GroupSort):
            groups = x.reshape(*x.shape[:-1], -1, layer.group_size or channels)
        elif layer.pairing == "adjacent":
            groups = x.reshape(*x.shape[:-1], -1, 2)
        else:
            low, high = np.split(x, 2, axis=-1)
            pairs = [np.minimum(low, high), np.maximum(low, high)]
            return np.moveaxis(np.concatenate(pairs, axis=-1), -1, layer.axis)
        x = np.sort(groups, axis=-1).reshape(x.shape)
        return np.moveaxis(x, -1, layer.axis)

    return Evaluation(compute)


@register_evaluation(layers.Identity, layers.InputLayer)
def identity(layer, step):
    return PASSED_ON
