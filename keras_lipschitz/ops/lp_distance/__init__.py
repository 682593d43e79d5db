"""Distances in an l_p norm, dense and convolutional, and their intervals."""

from keras_lipschitz.ops.lp_distance.convolution import (
    linf_distance_bounds_conv2d,
)
from keras_lipschitz.ops.lp_distance.convolution import lp_distance_conv2d
from keras_lipschitz.ops.lp_distance.dense import linf_distance_bounds
from keras_lipschitz.ops.lp_distance.dense import lp_distance
