"""Callbacks that steer the training of a `GloroModel`."""

from keras_lipschitz.callbacks.epsilon_schedule import EpsilonSchedule
from keras_lipschitz.callbacks.learning_rate_decay import LearningRateDecay
from keras_lipschitz.callbacks.lipschitz_update import LipschitzUpdate
from keras_lipschitz.callbacks.local_constants import LocalConstants
from keras_lipschitz.callbacks.loss_schedule import LossSchedule
from keras_lipschitz.callbacks.mean_shift_update import MeanShiftUpdate
from keras_lipschitz.callbacks.p_norm_annealing import PNormAnnealing
from keras_lipschitz.callbacks.schedule import Schedule
from keras_lipschitz.callbacks.trades_schedule import TradesSchedule
