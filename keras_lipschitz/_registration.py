"""Registration of our classes for Keras' serialization."""

import keras

PACKAGE = "keras_lipschitz"


def register(cls):
    """Registers a class as `keras_lipschitz>ClassName`."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)
