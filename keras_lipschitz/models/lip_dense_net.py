"""Networks of 1-Lipschitz dense layers of any kind."""

import keras

from keras_lipschitz import layers
from keras_lipschitz.models.checks import choice
from keras_lipschitz.models.one_lipschitz_blocks import ACTIVATIONS
from keras_lipschitz.models.one_lipschitz_blocks import DENSES
from keras_lipschitz.models.stacks import hidden_dense


def lip_dense_net(
    input_shape,
    classes,
    units=(256, 256),
    dense="cayley",
    activation="minmax",
    name=None,
):
    """A multilayer perceptron of 1-Lipschitz dense layers.

    Args:
        input_shape: Shape of one sample; what it holds is flattened.
        classes: Integer, the number of classes.
        units: Tuple of integers, sizes of the hidden layers; of a residual
            layer, what is inside it. Defaults to `(256, 256)`.
        dense: `"aol"`, `"bjorck"`, `"bro"`, `"cayley"`, `"cholesky"`, `"cpl"`,
            `"qr"`, `"sandwich"`, `"sll"` or `"spectral_rescaling"`. Defaults
            to `"cayley"`.
        activation: `"minmax"`, `"householder"` or `"relu"`; behind every hidden
            layer. Defaults to `"minmax"`.
        name: String. Defaults to `"lip_dense_net"`.

    Returns:
        A built `keras.Model`.

    Example:

    >>> base = keras_lipschitz.models.lip_dense_net((8, 8, 1), 10, (16, 16))
    >>> base.output_shape
    (None, 10)
    """
    layer = choice("dense", dense, DENSES)
    activate = choice("activation", activation, ACTIVATIONS)
    inputs = x = keras.Input(input_shape)
    for hidden in hidden_dense(units, layer, activate, activation):
        x = hidden(x)
    logits = layers.NormalizedDense(classes, name="logits")(x)
    return keras.Model(inputs, logits, name=name or "lip_dense_net")
