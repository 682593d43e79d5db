"""The box domain: what lies between two ends, carried through a network."""

from keras_lipschitz.propagation.intervals import linear
from keras_lipschitz.propagation.intervals import rules
from keras_lipschitz.propagation.intervals import training
from keras_lipschitz.propagation.intervals.box import Box
from keras_lipschitz.propagation.intervals.propagate import input_box
from keras_lipschitz.propagation.intervals.propagate import propagate
from keras_lipschitz.propagation.intervals.registry import increasing
from keras_lipschitz.propagation.intervals.registry import interval_rule_of
from keras_lipschitz.propagation.intervals.registry import monotone
from keras_lipschitz.propagation.intervals.registry import (
    register_interval_rule,
)
from keras_lipschitz.propagation.intervals.training import affine
