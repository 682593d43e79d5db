import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer


@register
class LipschitzPReLU(LipschitzLayer, keras.layers.PReLU):
    """A `PReLU` whose learned slopes are cut off at -1 and 1.

    With a slope of -1 it is the absolute value, which keeps gradient norms.

    Args:
        *args: As for `keras.layers.PReLU`.
        **kwargs: Likewise.

    Input shape:
        Any.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.LipschitzPReLU(
    ...     alpha_initializer=keras.initializers.Constant(-3.0))
    >>> y = layer(np.array([[-2.0, 2.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[2.0, 2.0]]
    """

    @property
    def slopes(self):
        """The slopes below zero."""
        return ops.clip(self.alpha, -1.0, 1.0)

    def call(self, inputs):
        slopes = ops.cast(self.slopes, self.compute_dtype)
        return ops.relu(inputs) - slopes * ops.relu(-inputs)

    def lipschitz_constant(self):
        return 1.0
