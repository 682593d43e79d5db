"""From layers to a model: how far a margin can move."""

from keras_lipschitz.bounds.global_lipschitz import GlobalLipschitz
from keras_lipschitz.bounds.interval_bound import IntervalBound
from keras_lipschitz.bounds.local_lipschitz import LocalLipschitz
from keras_lipschitz.bounds.margin_bound import MarginBound
from keras_lipschitz.propagation import intervals
from keras_lipschitz.propagation import rules
from keras_lipschitz.propagation.composition import Composition
from keras_lipschitz.propagation.intervals import register_interval_rule
from keras_lipschitz.propagation.registry import Signal
from keras_lipschitz.propagation.registry import register_linear_map
from keras_lipschitz.propagation.registry import register_rule
