"""GloroModel and the named architectures of the papers."""

from keras_lipschitz.models.architectures import cnn
from keras_lipschitz.models.architectures import cnn_2c2f
from keras_lipschitz.models.architectures import cnn_4c3f
from keras_lipschitz.models.architectures import cnn_6c2f
from keras_lipschitz.models.architectures import cnn_8c2f
from keras_lipschitz.models.gloro_model import CertifiedPrediction
from keras_lipschitz.models.gloro_model import GloroModel
