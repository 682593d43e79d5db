import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.ops.linear_maps import DiagonalMap


@register
class Scaling(LinearLipschitzLayer, keras.layers.Layer):
    """Multiplies its input by one learned number.

    Lets a network of 1-Lipschitz layers choose its own scale. The constant is
    the absolute value of the number.

    Args:
        initializer: Initializer of the number. Defaults to `"ones"`.
        regularizer: Regularizer of the number.
        constraint: Constraint of the number.
        **kwargs: Base layer keyword arguments.

    Input shape:
        Any.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.Scaling(
    ...     keras.initializers.Constant(-3.0))
    >>> y = layer(np.array([[1.0, 2.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[-3.0, -6.0]]
    >>> float(layer.lipschitz_constant())
    3.0
    """

    def __init__(
        self, initializer="ones", regularizer=None, constraint=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)
        self.constraint = keras.constraints.get(constraint)
        self.supports_masking = True

    def build(self, input_shape):
        self.scale = self.add_weight(
            name="scale",
            shape=(),
            initializer=self.initializer,
            regularizer=self.regularizer,
            constraint=self.constraint,
        )
        self.mapped_shape = tuple(input_shape)

    def call(self, inputs):
        return inputs * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape

    def linear_map(self, input_shape):
        # All entries are scaled alike, so one stands for them.
        return DiagonalMap(lambda: ops.reshape(self.scale, (1,)), (1,), (1,))

    def get_config(self):
        return {
            **super().get_config(),
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
            "constraint": keras.constraints.serialize(self.constraint),
        }
