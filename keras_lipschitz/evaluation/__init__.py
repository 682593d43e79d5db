"""How good is a certificate: attacks, lower bounds, a baseline."""

from keras_lipschitz.evaluation.attack import pgd_accuracy
from keras_lipschitz.evaluation.lipschitz_lower_bounds import (
    LipschitzLowerBounds,
)
from keras_lipschitz.evaluation.lipschitz_lower_bounds import (
    lipschitz_lower_bounds,
)
from keras_lipschitz.evaluation.local_decisions import LOCAL_KINDS
from keras_lipschitz.evaluation.local_decisions import LocalDecisions
from keras_lipschitz.evaluation.local_decisions import local_decisions
from keras_lipschitz.evaluation.randomized_smoothing import RandomizedSmoothing
from keras_lipschitz.evaluation.randomized_smoothing import SmoothedPrediction
