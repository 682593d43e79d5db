import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._thresholds import serialized
from keras_lipschitz.layers._thresholds import threshold_shape
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer
from keras_lipschitz.ops.sort_pair import sort_pair


@register
class ClippedMinMax(LipschitzLayer, keras.layers.Layer):
    """MinMax whose results are cut off at learned thresholds.

    Every pair `(a, b)` of channels `i` and `i + channels / 2` becomes

        (max(min(a, b), low), min(max(a, b), high))

    A result that lies beyond its threshold in the whole ball of inputs cannot
    vary, and `LocalLipschitz` leaves it out.

    Args:
        low_initializer: Initializer of `low`. Defaults to a constant of `-1`.
        high_initializer: Initializer of `high`. Defaults to `"ones"`.
        per_neuron: Whether every pair of entries has its own thresholds, as in
            the paper, which ties the model to one resolution. By default
            every pair of channels has. Defaults to `False`.
        axis: Integer, the channel axis. Defaults to `-1`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        Any, with an even number of channels.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.ClippedMinMax()
    >>> y = layer(np.array([[4.0, -0.5, 2.0, -3.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[2.0, -1.0, 1.0, -0.5]]

    Reference:
        - [Huang et al., Training Certifiably Robust Neural Networks with
          Efficient Local Lipschitz Bounds, NeurIPS 2021](
          https://arxiv.org/abs/2111.01395)
    """

    def __init__(
        self,
        low_initializer=None,
        high_initializer="ones",
        per_neuron=False,
        axis=-1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if low_initializer is None:
            low_initializer = keras.initializers.Constant(-1.0)
        self.low_initializer = keras.initializers.get(low_initializer)
        self.high_initializer = keras.initializers.get(high_initializer)
        self.per_neuron = bool(per_neuron)
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape):
        channels = input_shape[self.axis]
        if channels is None or channels % 2:
            raise ValueError(
                "ClippedMinMax sorts pairs of channels. Expected an even "
                f"number of channels along axis {self.axis}. Received: input "
                f"shape {tuple(input_shape)} with {channels} channels"
            )
        half = list(input_shape)
        half[self.axis] = channels // 2
        shape = threshold_shape(half, self.axis, self.per_neuron)
        self.low = self.add_weight(
            name="low", shape=shape, initializer=self.low_initializer
        )
        self.high = self.add_weight(
            name="high", shape=shape, initializer=self.high_initializer
        )

    def call(self, inputs):
        low, high = sort_pair(*ops.split(inputs, 2, axis=self.axis))
        return ops.concatenate(
            [ops.maximum(low, self.low), ops.minimum(high, self.high)],
            axis=self.axis,
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            **serialized(
                low_initializer=self.low_initializer,
                high_initializer=self.high_initializer,
            ),
            "per_neuron": self.per_neuron,
            "axis": self.axis,
        }
