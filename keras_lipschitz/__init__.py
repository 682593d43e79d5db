"""Keras 3 networks whose robustness is proved."""

from keras_lipschitz import bounds
from keras_lipschitz import callbacks
from keras_lipschitz import certification
from keras_lipschitz import datasets
from keras_lipschitz import evaluation
from keras_lipschitz import layers
from keras_lipschitz import losses
from keras_lipschitz import metrics
from keras_lipschitz import models
from keras_lipschitz import ops
from keras_lipschitz import optimizers
from keras_lipschitz import visualization
from keras_lipschitz._version import __version__
from keras_lipschitz.bounds import register_interval_rule
from keras_lipschitz.bounds import register_linear_map
from keras_lipschitz.bounds import register_rule
from keras_lipschitz.models import GloroModel
