import keras

from keras_lipschitz._registration import register
from keras_lipschitz.layers.linear_maps import dense_map
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer


@register
class LipschitzDense(LinearLipschitzLayer, keras.layers.Dense):
    """A `Dense` layer that knows its own Lipschitz constant.

    It computes what `keras.layers.Dense` computes and takes the same
    arguments. Beside the kernel it keeps the vector of a power method, so that
    `lipschitz_constant()` costs two matrix-vector products a step.

    Args:
        *args: As for `keras.layers.Dense`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.LipschitzDense(3, use_bias=False)
    >>> y = layer(np.ones((1, 2), "float32"))
    >>> layer.set_weights([np.eye(2, 3), *layer.get_weights()[1:]])
    >>> round(float(layer.lipschitz_constant()), 4)
    1.0

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.build_power_iterate(input_shape)

    def linear_map(self, input_shape):
        return dense_map(self, input_shape)
