"""Rules for Keras' own layers, one file per family."""

from keras_lipschitz.propagation.rules import activations
from keras_lipschitz.propagation.rules import combinations
from keras_lipschitz.propagation.rules import l_inf
from keras_lipschitz.propagation.rules import linear
from keras_lipschitz.propagation.rules import merging
from keras_lipschitz.propagation.rules import normalization
from keras_lipschitz.propagation.rules import pooling
from keras_lipschitz.propagation.rules import regularization
from keras_lipschitz.propagation.rules import reshaping
