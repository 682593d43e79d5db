import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._thresholds import serialized
from keras_lipschitz.layers._thresholds import threshold_shape
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer


@register
class ReLUTheta(LipschitzLayer, keras.layers.Layer):
    """A ReLU that is cut off at a learned threshold.

        y = min(max(x, 0), theta)

    An entry that stays below zero or above `theta` in the whole ball of inputs
    cannot vary, and `LocalLipschitz` leaves it out. The threshold is kept at
    zero or more.

    Args:
        initializer: Initializer of `theta`. Defaults to `"ones"`.
        regularizer: Regularizer of `theta`. Defaults to `None`.
        per_neuron: Whether every entry has its own `theta`, as in the paper,
            which ties the model to one resolution. By default every channel
            has. Defaults to `False`.
        axis: Integer, the channel axis. Defaults to `-1`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        Any.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.ReLUTheta()
    >>> y = layer(np.array([[-1.0, 0.5, 3.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[0.0, 0.5, 1.0]]

    Reference:
        - [Huang et al., Training Certifiably Robust Neural Networks with
          Efficient Local Lipschitz Bounds, NeurIPS 2021](
          https://arxiv.org/abs/2111.01395)
    """

    def __init__(
        self,
        initializer="ones",
        regularizer=None,
        per_neuron=False,
        axis=-1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)
        self.per_neuron = bool(per_neuron)
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape):
        self.theta = self.add_weight(
            name="theta",
            shape=threshold_shape(input_shape, self.axis, self.per_neuron),
            initializer=self.initializer,
            regularizer=self.regularizer,
            constraint=keras.constraints.NonNeg(),
        )

    def call(self, inputs):
        return ops.minimum(ops.relu(inputs), self.theta)

    def compute_output_shape(self, input_shape):
        return input_shape

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            **serialized(
                initializer=self.initializer, regularizer=self.regularizer
            ),
            "per_neuron": self.per_neuron,
            "axis": self.axis,
        }
