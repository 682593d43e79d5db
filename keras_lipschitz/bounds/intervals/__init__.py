"""The box domain: what lies between two ends, carried through a network."""

from keras_lipschitz.bounds.intervals import linear
from keras_lipschitz.bounds.intervals import rules
from keras_lipschitz.bounds.intervals.box import Box
from keras_lipschitz.bounds.intervals.propagate import input_box
from keras_lipschitz.bounds.intervals.propagate import propagate
from keras_lipschitz.bounds.intervals.registry import increasing
from keras_lipschitz.bounds.intervals.registry import interval_rule_of
from keras_lipschitz.bounds.intervals.registry import monotone
from keras_lipschitz.bounds.intervals.registry import register_interval_rule
