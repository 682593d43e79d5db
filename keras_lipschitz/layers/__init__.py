"""What a user stacks; each layer knows its own Lipschitz constant."""

from keras_lipschitz.layers.lipschitz_conv2d import LipschitzConv2D
from keras_lipschitz.layers.lipschitz_dense import LipschitzDense
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer
from keras_lipschitz.layers.min_max import MinMax
