"""Rules for Keras' own layers, one file per family."""

from keras_lipschitz.bounds.rules import activations
from keras_lipschitz.bounds.rules import combinations
from keras_lipschitz.bounds.rules import l_inf
from keras_lipschitz.bounds.rules import linear
from keras_lipschitz.bounds.rules import merging
from keras_lipschitz.bounds.rules import normalization
from keras_lipschitz.bounds.rules import pooling
from keras_lipschitz.bounds.rules import regularization
from keras_lipschitz.bounds.rules import reshaping
