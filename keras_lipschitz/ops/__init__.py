"""Pure functions that read like the equations."""

from keras_lipschitz.ops.adjoint import adjoint
from keras_lipschitz.ops.linear_maps import BlockDenseMap
from keras_lipschitz.ops.linear_maps import ConvolutionMap
from keras_lipschitz.ops.linear_maps import DenseMap
from keras_lipschitz.ops.linear_maps import DepthwiseConvolutionMap
from keras_lipschitz.ops.linear_maps import DiagonalMap
from keras_lipschitz.ops.linear_maps import LinearMap
from keras_lipschitz.ops.lp_distance import linf_distance_bounds
from keras_lipschitz.ops.lp_distance import linf_distance_bounds_conv2d
from keras_lipschitz.ops.lp_distance import lp_distance
from keras_lipschitz.ops.lp_distance import lp_distance_conv2d
from keras_lipschitz.ops.margins import bottom_logit
from keras_lipschitz.ops.margins import certified_radius
from keras_lipschitz.ops.margins import pairwise_distances
from keras_lipschitz.ops.power_method import power_method
