import math

import keras
from keras import ops

from keras_lipschitz._registration import register


@register
class ConvexCombination(keras.layers.Layer):
    """A learned mean of two branches: a residual connection of constant one.

    `(1 - a) x + a y` with `a` between 0 and 1 moves no faster than the faster
    of its two inputs, where a sum would move as fast as both together.

    Args:
        initial_value: Number between 0 and 1, what `a` begins with. Defaults
            to `0.5`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        A list of two tensors of one shape.

    Output shape:
        That shape.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.ConvexCombination()
    >>> y = layer([np.array([[1.0]]), np.array([[2.0]])])
    >>> float(y[0, 0])
    1.5

    Reference:
        - [Trockman and Kolter, Orthogonalizing Convolutional Layers with the
          Cayley Transform, ICLR 2021](https://arxiv.org/abs/2104.07167)
    """

    def __init__(self, initial_value=0.5, **kwargs):
        super().__init__(**kwargs)
        if not 0 < initial_value < 1:
            raise ValueError(
                "`initial_value` of ConvexCombination should be between 0 and "
                f"1. Received: initial_value={initial_value!r}"
            )
        self.initial_value = float(initial_value)

    def build(self, input_shape):
        if len(input_shape) != 2 or tuple(input_shape[0]) != tuple(
            input_shape[1]
        ):
            raise ValueError(
                "ConvexCombination joins two tensors. Expected a list of two "
                f"of one shape. Received: input shapes {input_shape}"
            )
        a = self.initial_value
        self.logit = self.add_weight(
            name="logit",
            shape=(),
            initializer=keras.initializers.Constant(math.log(a / (1.0 - a))),
            autocast=False,
        )

    @property
    def share(self):
        """The share `a` of the second input."""
        return ops.sigmoid(ops.cast(self.logit, "float32"))

    def call(self, inputs):
        x, y = inputs
        share = ops.cast(self.share, self.compute_dtype)
        return (1.0 - share) * x + share * y

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "initial_value": self.initial_value}
