"""Boxes through all other layers that are known."""

from keras import layers
from keras import ops

from keras_lipschitz.layers.linf_dist import LInfDist
from keras_lipschitz.layers.linf_dist_conv2d import LInfDistConv2D
from keras_lipschitz.layers.mean_shift import MeanShift
from keras_lipschitz.layers.scaled_average_pooling2d import (
    ScaledAveragePooling2D,
)
from keras_lipschitz.layers.scaled_global_average_pooling2d import (
    ScaledGlobalAveragePooling2D,
)
from keras_lipschitz.layers.scaling import Scaling
from keras_lipschitz.ops.lp_distance import linf_distance_bounds
from keras_lipschitz.ops.lp_distance import linf_distance_bounds_conv2d
from keras_lipschitz.propagation.intervals.box import Box
from keras_lipschitz.propagation.intervals.linear import activated
from keras_lipschitz.propagation.intervals.registry import called
from keras_lipschitz.propagation.intervals.registry import increasing
from keras_lipschitz.propagation.intervals.registry import monotone
from keras_lipschitz.propagation.intervals.registry import (
    register_interval_rule,
)
from keras_lipschitz.propagation.nonexpansive_layers import (
    ENTRYWISE_NONEXPANSIVE,
)
from keras_lipschitz.propagation.registry import cannot_bound
from keras_lipschitz.propagation.rules.merging import check_axis
from keras_lipschitz.propagation.rules.regularization import INACTIVE
from keras_lipschitz.propagation.rules.reshaping import check_interpolation

register_interval_rule(
    *INACTIVE,
    *ENTRYWISE_NONEXPANSIVE,
    ScaledAveragePooling2D,
    ScaledGlobalAveragePooling2D,
    layers.Add,
    layers.Average,
    layers.LeakyReLU,
    layers.Maximum,
    layers.Minimum,
)(increasing)

register_interval_rule(
    Scaling, layers.BatchNormalization, layers.Normalization, layers.Rescaling
)(monotone)


@register_interval_rule(layers.Subtract)
def subtract(layer, x, y):
    return Box(
        called(layer, [x.lower, y.upper]), called(layer, [x.upper, y.lower])
    )


@register_interval_rule(layers.Concatenate)
def concatenate(layer, *boxes):
    check_axis(layer, [box.lower for box in boxes])
    return increasing(layer, *boxes)


@register_interval_rule(layers.UpSampling2D)
def up_sampling_2d(layer, x):
    check_interpolation(layer)
    return increasing(layer, x)


@register_interval_rule(layers.Activation)
def activation(layer, x):
    return activated(layer.activation, x)


@register_interval_rule(layers.ReLU)
def relu(layer, x):
    if layer.threshold != 0:
        raise cannot_bound(
            layer,
            "with a threshold other than 0 it jumps. Received: "
            f"threshold={layer.threshold}",
        )
    return increasing(layer, x)


@register_interval_rule(layers.PReLU, layers.ELU)
def kinked(layer, x):
    """Monotone on each side of zero, where it is zero."""
    ends = monotone(layer, x)
    crosses = (x.lower < 0.0) & (x.upper > 0.0)
    return Box(
        ops.where(crosses, ops.minimum(ends.lower, 0.0), ends.lower),
        ops.where(crosses, ops.maximum(ends.upper, 0.0), ends.upper),
    )


@register_interval_rule(LInfDist)
def linf_dist(layer, x):
    kernel = ops.cast(layer.kernel, x.lower.dtype)
    ends = linf_distance_bounds(x.lower, x.upper, kernel)
    return _biased(layer, Box(*ends))


@register_interval_rule(LInfDistConv2D)
def linf_dist_conv2d(layer, x):
    kernel = ops.cast(layer.kernel, x.lower.dtype)
    ends = linf_distance_bounds_conv2d(
        x.lower,
        x.upper,
        kernel,
        layer.strides,
        layer.padding,
        layer.data_format,
    )
    return _biased(layer, Box(*ends))


def _biased(layer, box):
    return Box(layer.with_bias(box.lower), layer.with_bias(box.upper))


@register_interval_rule(LInfDist, LInfDistConv2D, training=True)
def distance_in_training(layer, x):
    """Moves no further than the input, which is so at `p = inf` alone."""
    center = x.middle if x.center is None else x.center
    radius = ops.maximum(x.upper - center, center - x.lower)
    largest = ops.max(ops.reshape(radius, (ops.shape(radius)[0], -1)), axis=1)
    # The same call as the network's own: compilers merge the two.
    y = layer(center, training=True)
    return Box.around(y, ops.reshape(largest, (-1, *[1] * (len(y.shape) - 1))))


@register_interval_rule(MeanShift, training=True)
def mean_shift_in_training(layer, x):
    """By the mean of the batch; the moving mean stays."""
    center = x.middle if x.center is None else x.center
    mean = layer.along_axis(layer.batch_mean(center), center)
    return Box(x.lower - mean, x.upper - mean, center - mean)
