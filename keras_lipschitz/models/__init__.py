"""GloroModel and the named architectures of the papers."""

from keras_lipschitz.models.gloro_model import CertifiedPrediction
from keras_lipschitz.models.gloro_model import GloroModel
