"""Layers that are 1-Lipschitz by construction."""

from keras_lipschitz.layers.one_lipschitz.adaptive_orthogonal_conv2d import (
    AdaptiveOrthogonalConv2D,
)
from keras_lipschitz.layers.one_lipschitz.aol_conv2d import AOLConv2D
from keras_lipschitz.layers.one_lipschitz.aol_dense import AOLDense
from keras_lipschitz.layers.one_lipschitz.batch_centering import BatchCentering
from keras_lipschitz.layers.one_lipschitz.bjorck_dense import BjorckDense
from keras_lipschitz.layers.one_lipschitz.bro_conv2d import BROConv2D
from keras_lipschitz.layers.one_lipschitz.bro_dense import BRODense
from keras_lipschitz.layers.one_lipschitz.cayley_dense import CayleyDense
from keras_lipschitz.layers.one_lipschitz.cholesky_dense import CholeskyDense
from keras_lipschitz.layers.one_lipschitz.convex_combination import (
    ConvexCombination,
)
from keras_lipschitz.layers.one_lipschitz.cpl_conv2d import CPLConv2D
from keras_lipschitz.layers.one_lipschitz.cpl_dense import CPLDense
from keras_lipschitz.layers.one_lipschitz.householder import Householder
from keras_lipschitz.layers.one_lipschitz.layer_centering import LayerCentering
from keras_lipschitz.layers.one_lipschitz.linear_residual_conv2d import (
    LinearResidualConv2D,
)
from keras_lipschitz.layers.one_lipschitz.lipschitz_prelu import LipschitzPReLU
from keras_lipschitz.layers.one_lipschitz.normalized_dense import (
    NormalizedDense,
)
from keras_lipschitz.layers.one_lipschitz.qr_dense import QRDense
from keras_lipschitz.layers.one_lipschitz.sandwich_conv2d import SandwichConv2D
from keras_lipschitz.layers.one_lipschitz.sandwich_dense import SandwichDense
from keras_lipschitz.layers.one_lipschitz.sll_conv2d import SLLConv2D
from keras_lipschitz.layers.one_lipschitz.sll_dense import SLLDense
from keras_lipschitz.layers.one_lipschitz.soc_conv2d import SOCConv2D
from keras_lipschitz.layers.one_lipschitz.spectral_rescaling_conv2d import (
    SpectralRescalingConv2D,
)
from keras_lipschitz.layers.one_lipschitz.spectral_rescaling_dense import (
    SpectralRescalingDense,
)
