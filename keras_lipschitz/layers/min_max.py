import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer
from keras_lipschitz.ops.group_sort import group_sort
from keras_lipschitz.ops.group_sort import group_sort_in_training
from keras_lipschitz.ops.sort_pair import sort_pair


@register
class MinMax(LipschitzLayer, keras.layers.Layer):
    """Sorts pairs of channels: the activation that keeps gradient norms.

    Every pair `(a, b)` becomes `(min(a, b), max(a, b))`. The Jacobian is a
    permutation, so the layer is exactly 1-Lipschitz and, unlike ReLU, never
    shortens a gradient.

    Args:
        pairing: `"halves"` pairs channel `i` with `i + channels / 2` (fast: two
            contiguous slices), `"adjacent"` pairs channels `2 i` and
            `2 i + 1`. Defaults to `"halves"`.
        axis: Integer, the channel axis. Defaults to `-1`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        Any, with an even number of channels.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.MinMax()
    >>> y = layer(np.array([[4.0, 1.0, 2.0, 3.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[2.0, 1.0, 4.0, 3.0]]

    Reference:
        - [Anil et al., Sorting out Lipschitz function approximation,
          ICML 2019](
          https://arxiv.org/abs/1811.05381)
    """

    def __init__(self, pairing="halves", axis=-1, **kwargs):
        super().__init__(**kwargs)
        if pairing not in ("halves", "adjacent"):
            raise ValueError(
                "`pairing` of MinMax should be 'halves' or 'adjacent'. "
                f"Received: pairing={pairing!r}"
            )
        self.pairing = pairing
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape):
        channels = input_shape[self.axis]
        if channels is None or channels % 2:
            raise ValueError(
                "MinMax sorts pairs of channels. Expected an even number of "
                f"channels along axis {self.axis}. Received: input shape "
                f"{tuple(input_shape)} with {channels} channels"
            )

    def call(self, inputs, training=False):
        if self.pairing == "adjacent":
            sort = group_sort_in_training if training else group_sort
            return sort(inputs, 2, self.axis)
        a, b = ops.split(inputs, 2, axis=self.axis)
        return ops.concatenate(sort_pair(a, b), axis=self.axis)

    def compute_output_shape(self, input_shape):
        return input_shape

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "pairing": self.pairing,
            "axis": self.axis,
        }
