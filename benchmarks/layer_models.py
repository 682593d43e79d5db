"""Models of one convolution, and what is timed of them."""

import numpy as np


def model_of(arguments, name, **kwargs):
    """A compiled model of a cheap layer and the layer under test."""
    import keras

    from keras_lipschitz import layers

    channels = arguments.channels
    if name == "plain":
        layer = keras.layers.Conv2D(channels, 3, padding="same")
    else:
        layer_class = getattr(layers, f"{name}Conv2D")
        layer = layer_class(channels, 3, padding="same", **kwargs)
    shape = (arguments.image, arguments.image, channels)
    # Below the layer, so that a step needs the gradient of its input.
    below = layers.Scaling()
    model = keras.Sequential([keras.Input(shape), below, layer])
    model.compile("sgd", "mse", jit_compile=arguments.xla)
    return model


def plain_of(model):
    """The model behind `to_plain`, or `None` where that changes nothing."""
    from keras_lipschitz.models import to_plain

    plain = to_plain(model, residual=True)
    changed = type(plain.layers[-1]) is not type(model.layers[-1])
    return plain if changed else None


def batch(arguments):
    shape = (
        arguments.batch_size,
        arguments.image,
        arguments.image,
        arguments.channels,
    )
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def training_step(model, arguments):
    """A function that runs one step, the way `fit` does."""
    import keras

    x = batch(arguments)
    if keras.backend.backend() != "tensorflow":
        return lambda: model.train_on_batch(x, x)
    import tensorflow as tf

    batches = iter(tf.data.Dataset.from_tensors((x, x)).repeat())
    model.make_train_function()
    return lambda: float(model.train_function(batches)["loss"])


def inference(model, arguments):
    """A function that runs the network on a batch, compiled."""
    x = batch(arguments)
    return lambda: model.predict_on_batch(x)
