"""From layers to a model: how far a margin can move."""

from keras_lipschitz.bounds import rules
from keras_lipschitz.bounds.composition import Composition
from keras_lipschitz.bounds.global_lipschitz import GlobalLipschitz
from keras_lipschitz.bounds.margin_bound import MarginBound
from keras_lipschitz.bounds.registry import Signal
from keras_lipschitz.bounds.registry import register_linear_map
from keras_lipschitz.bounds.registry import register_rule
