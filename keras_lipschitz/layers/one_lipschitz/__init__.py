"""Layers that are 1-Lipschitz by construction."""

from keras_lipschitz.layers.one_lipschitz.aol_dense import AOLDense
from keras_lipschitz.layers.one_lipschitz.bjorck_dense import BjorckDense
from keras_lipschitz.layers.one_lipschitz.bro_dense import BRODense
from keras_lipschitz.layers.one_lipschitz.cayley_dense import CayleyDense
from keras_lipschitz.layers.one_lipschitz.cholesky_dense import CholeskyDense
from keras_lipschitz.layers.one_lipschitz.qr_dense import QRDense
from keras_lipschitz.layers.one_lipschitz.spectral_rescaling_dense import (
    SpectralRescalingDense,
)
