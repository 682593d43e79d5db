import keras

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer
from keras_lipschitz.ops.group_sort import group_sort
from keras_lipschitz.ops.group_sort import group_sort_in_training


@register
class GroupSort(LipschitzLayer, keras.layers.Layer):
    """Sorts groups of channels: an activation that keeps gradient norms.

    Each group of consecutive channels is sorted, ascending. The Jacobian is a
    permutation, so the layer is exactly 1-Lipschitz. Groups of two are
    `MinMax(pairing="adjacent")`; one group is the full sort.

    Args:
        group_size: Integer that divides the channels, or `None` for all of
            them. Defaults to `None`.
        axis: Integer, the channel axis. Defaults to `-1`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        Any, with a multiple of `group_size` channels.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.GroupSort(3)
    >>> y = layer(np.array([[3.0, 1.0, 2.0, 6.0, 5.0, 4.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]

    Reference:
        - [Anil et al., Sorting out Lipschitz function approximation,
          ICML 2019](
          https://arxiv.org/abs/1811.05381)
    """

    def __init__(self, group_size=None, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if group_size is not None and (
            not isinstance(group_size, int) or group_size < 1
        ):
            raise ValueError(
                "`group_size` of GroupSort should be a positive integer or "
                f"None. Received: group_size={group_size!r}"
            )
        self.group_size = group_size
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape):
        channels = input_shape[self.axis]
        if channels is None or channels % (self.group_size or channels):
            raise ValueError(
                "GroupSort sorts groups of channels. Expected a multiple of "
                f"{self.group_size or 1} channels along axis {self.axis}. "
                f"Received: input shape {tuple(input_shape)}"
            )

    def call(self, inputs, training=False):
        size = self.group_size or inputs.shape[self.axis]
        sort = group_sort_in_training if training else group_sort
        return sort(inputs, size, self.axis)

    def compute_output_shape(self, input_shape):
        return input_shape

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "group_size": self.group_size,
            "axis": self.axis,
        }
