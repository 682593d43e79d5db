"""The host side in float64: norms of layers, certificates, decisions."""

from keras_lipschitz.certification.certificate import Certificate
from keras_lipschitz.certification.certificate import LayerNorm
from keras_lipschitz.certification.certificate import LayerNorms
from keras_lipschitz.certification.certify import certify
from keras_lipschitz.certification.evaluations.evaluation import Evaluation
from keras_lipschitz.certification.evaluations.evaluation import (
    register_evaluation,
)
from keras_lipschitz.certification.levels import LEVELS
