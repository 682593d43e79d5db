"""Evaluations of Keras' own layers and ours, one file per family."""

from keras_lipschitz.certification.evaluations import activations
from keras_lipschitz.certification.evaluations import distances
from keras_lipschitz.certification.evaluations import linear
from keras_lipschitz.certification.evaluations import merging
from keras_lipschitz.certification.evaluations import normalization
from keras_lipschitz.certification.evaluations import one_lipschitz
from keras_lipschitz.certification.evaluations import pooling
from keras_lipschitz.certification.evaluations import reshaping
from keras_lipschitz.certification.evaluations import residual
from keras_lipschitz.certification.evaluations import thresholds
from keras_lipschitz.certification.evaluations import transforms
