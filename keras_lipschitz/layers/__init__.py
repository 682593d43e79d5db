"""What a user stacks; each layer knows its own Lipschitz constant."""

from keras_lipschitz.layers.group_sort import GroupSort
from keras_lipschitz.layers.invertible_downsampling import (
    InvertibleDownsampling,
)
from keras_lipschitz.layers.invertible_upsampling import InvertibleUpsampling
from keras_lipschitz.layers.l2_norm_pooling2d import L2NormPooling2D
from keras_lipschitz.layers.lipschitz_conv2d import LipschitzConv2D
from keras_lipschitz.layers.lipschitz_dense import LipschitzDense
from keras_lipschitz.layers.lipschitz_depthwise_conv2d import (
    LipschitzDepthwiseConv2D,
)
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer
from keras_lipschitz.layers.min_max import MinMax
from keras_lipschitz.layers.scaled_average_pooling2d import (
    ScaledAveragePooling2D,
)
from keras_lipschitz.layers.scaled_global_average_pooling2d import (
    ScaledGlobalAveragePooling2D,
)
from keras_lipschitz.layers.scaling import Scaling
