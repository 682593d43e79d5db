import keras


class LipschitzUpdate(keras.callbacks.Callback):
    pass
