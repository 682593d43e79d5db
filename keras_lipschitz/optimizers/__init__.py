"""Optimizers for networks that need their own."""

from keras_lipschitz.optimizers.linf_adam import LInfAdam
