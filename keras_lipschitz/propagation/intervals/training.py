"""Boxes of a training step through layers with a kernel.

Kernels of layers in bfloat16 are applied in it, and nothing goes through memory
that the next layer does not ask for. Rounding is not counted: what is
certified never comes from here.
"""

import functools

import keras
from keras import layers
from keras import ops

from keras_lipschitz.ops.one_pass import one_pass
from keras_lipschitz.propagation.intervals.box import Box
from keras_lipschitz.propagation.intervals.linear import activated
from keras_lipschitz.propagation.intervals.linear import bias_of
from keras_lipschitz.propagation.intervals.registry import increasing
from keras_lipschitz.propagation.intervals.registry import (
    register_interval_rule,
)
from keras_lipschitz.propagation.registry import linear_map_of


def _in_float32(function):
    """One pass that reads and writes one precision and computes in another."""

    def computed(*tensors):
        dtype = tensors[0].dtype
        values = function(*(ops.cast(x, "float32") for x in tensors))
        return tuple(ops.cast(y, dtype) for y in values)

    return one_pass(functools.wraps(function)(computed))


@_in_float32
def _middle_and_radius(lower, upper):
    return (lower + upper) / 2.0, (upper - lower) / 2.0


@_in_float32
def _rectified_ends(middle, radius):
    return ops.relu(middle - radius), ops.relu(middle + radius)


@_in_float32
def _rectified_middle_and_radius(middle, radius):
    lower, upper = ops.relu(middle - radius), ops.relu(middle + radius)
    return (lower + upper) / 2.0, (upper - lower) / 2.0


class RectifiedBox:
    """What a ReLU leaves of a box, made when it is asked for.

    Pooling asks for the ends, a kernel for the middle and the radius, and
    neither pays for what the other reads.

    Args:
        middle: Tensor `(batch, ...)`, the middle of the box before the ReLU.
        radius: Tensor of the same shape.
    """

    center = None

    def __init__(self, middle, radius):
        self.before = middle, radius

    @property
    def shape(self):
        return tuple(self.before[0].shape)

    @functools.cached_property
    def ends(self):
        return _rectified_ends(*self.before)

    @functools.cached_property
    def middle_and_radius(self):
        return _rectified_middle_and_radius(*self.before)

    lower = property(lambda self: self.ends[0])
    upper = property(lambda self: self.ends[1])
    middle = property(lambda self: self.middle_and_radius[0])
    radius = property(lambda self: self.middle_and_radius[1])


def affine(box, apply, kernel, bias=None, activation=None):
    """A box through a linear map, a bias and an activation, for training.

    The middle goes through the map, the radius through that of `|W|`, both in
    the precision of the kernel.

    Args:
        box: A box.
        apply: Function of a batch and a kernel, linear in both.
        kernel: Tensor, what the map multiplies by.
        bias: Tensor of the same precision that broadcasts against what the map
            returns, or `None`.
        activation: A Keras activation function, or `None`.

    Returns:
        A box.
    """
    if isinstance(box, RectifiedBox):
        parts = box.middle_and_radius
    else:
        parts = _middle_and_radius(box.lower, box.upper)
    middle, radius = (ops.cast(y, kernel.dtype) for y in parts)
    middle, radius = apply(middle, kernel), apply(radius, ops.abs(kernel))
    if bias is not None:
        middle = middle + bias
    if keras.activations.get(activation) is keras.activations.relu:
        return RectifiedBox(middle, radius)
    middle, radius = (ops.cast(y, "float32") for y in (middle, radius))
    return activated(activation, Box(middle - radius, middle + radius))


@register_interval_rule(
    layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense, training=True
)
def linear(layer, x):
    # The radii of a network that is not trained yet are no numbers of float16.
    low = layer.compute_dtype == "bfloat16"
    dtype = "bfloat16" if low else "float32"
    linear_map = linear_map_of(layer, x.shape)
    kernel = ops.cast(linear_map.kernel, dtype)
    bias = None
    if layer.bias is not None:
        bias = bias_of(layer, linear_map, dtype)
    return affine(x, linear_map.apply, kernel, bias, layer.activation)


@register_interval_rule(layers.Flatten, training=True)
def flatten(layer, x):
    """Entries change their places, before a ReLU as behind it."""
    if isinstance(x, RectifiedBox):
        return RectifiedBox(*map(layer, x.before))
    return increasing(layer, x)
