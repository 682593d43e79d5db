"""What a user stacks; each layer knows its own Lipschitz constant."""

from keras_lipschitz.layers.binary_logits import BinaryLogits
from keras_lipschitz.layers.clipped_min_max import ClippedMinMax
from keras_lipschitz.layers.flip import Flip
from keras_lipschitz.layers.group_sort import GroupSort
from keras_lipschitz.layers.invertible_downsampling import (
    InvertibleDownsampling,
)
from keras_lipschitz.layers.invertible_upsampling import InvertibleUpsampling
from keras_lipschitz.layers.l2_norm_pooling2d import L2NormPooling2D
from keras_lipschitz.layers.linf_dist import LInfDist
from keras_lipschitz.layers.linf_dist_conv2d import LInfDistConv2D
from keras_lipschitz.layers.lipschitz_conv2d import LipschitzConv2D
from keras_lipschitz.layers.lipschitz_dense import LipschitzDense
from keras_lipschitz.layers.lipschitz_depthwise_conv2d import (
    LipschitzDepthwiseConv2D,
)
from keras_lipschitz.layers.lipschitz_layer import InnerMapLipschitzLayer
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer
from keras_lipschitz.layers.mean_shift import MeanShift
from keras_lipschitz.layers.min_max import MinMax
from keras_lipschitz.layers.one_lipschitz import AdaptiveOrthogonalConv2D
from keras_lipschitz.layers.one_lipschitz import AOLConv2D
from keras_lipschitz.layers.one_lipschitz import AOLDense
from keras_lipschitz.layers.one_lipschitz import BatchCentering
from keras_lipschitz.layers.one_lipschitz import BjorckDense
from keras_lipschitz.layers.one_lipschitz import BROConv2D
from keras_lipschitz.layers.one_lipschitz import BRODense
from keras_lipschitz.layers.one_lipschitz import CayleyDense
from keras_lipschitz.layers.one_lipschitz import CholeskyDense
from keras_lipschitz.layers.one_lipschitz import ConvexCombination
from keras_lipschitz.layers.one_lipschitz import CPLConv2D
from keras_lipschitz.layers.one_lipschitz import CPLDense
from keras_lipschitz.layers.one_lipschitz import Householder
from keras_lipschitz.layers.one_lipschitz import LayerCentering
from keras_lipschitz.layers.one_lipschitz import LinearResidualConv2D
from keras_lipschitz.layers.one_lipschitz import LipschitzPReLU
from keras_lipschitz.layers.one_lipschitz import NormalizedDense
from keras_lipschitz.layers.one_lipschitz import QRDense
from keras_lipschitz.layers.one_lipschitz import SandwichConv2D
from keras_lipschitz.layers.one_lipschitz import SandwichDense
from keras_lipschitz.layers.one_lipschitz import SLLConv2D
from keras_lipschitz.layers.one_lipschitz import SLLDense
from keras_lipschitz.layers.one_lipschitz import SOCConv2D
from keras_lipschitz.layers.one_lipschitz import SpectralRescalingConv2D
from keras_lipschitz.layers.one_lipschitz import SpectralRescalingDense
from keras_lipschitz.layers.relu_theta import ReLUTheta
from keras_lipschitz.layers.scaled_average_pooling2d import (
    ScaledAveragePooling2D,
)
from keras_lipschitz.layers.scaled_global_average_pooling2d import (
    ScaledGlobalAveragePooling2D,
)
from keras_lipschitz.layers.scaling import Scaling
