"""GloroModel and the named architectures of the papers."""

from keras_lipschitz.models.batch_means import BatchMeans
from keras_lipschitz.models.cnn import cnn
from keras_lipschitz.models.ensemble import ensemble
from keras_lipschitz.models.gloro_cnns import cnn_2c2f
from keras_lipschitz.models.gloro_cnns import cnn_4c3f
from keras_lipschitz.models.gloro_cnns import cnn_6c2f
from keras_lipschitz.models.gloro_cnns import cnn_8c2f
from keras_lipschitz.models.gloro_model import CertifiedPrediction
from keras_lipschitz.models.gloro_model import GloroModel
from keras_lipschitz.models.li_resnet import li_resnet
from keras_lipschitz.models.linf_dist_net import linf_dist_net
from keras_lipschitz.models.lip_conv_nets import comparison_net
from keras_lipschitz.models.lip_conv_nets import lip_conv_net
from keras_lipschitz.models.lip_dense_net import lip_dense_net
from keras_lipschitz.models.orthogonal_cnn import orthogonal_cnn
from keras_lipschitz.models.residual_nets import residual_net
from keras_lipschitz.models.residual_nets import sandwich_net
from keras_lipschitz.models.to_plain import to_plain
