import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer


@register
class LayerCentering(LipschitzLayer, keras.layers.Layer):
    """Subtracts from every sample its own mean, and scales nothing.

    An orthogonal projection, so it is 1-Lipschitz.

    Args:
        axis: Integer or tuple of integers, the axes to take the mean over:
            `-1` centers the channels of every pixel, `(1, 2)` every channel of
            an image. Defaults to `-1`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        Any.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.LayerCentering()
    >>> y = layer(np.array([[1.0, 5.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[-2.0, 2.0]]
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        axes = (axis,) if isinstance(axis, int) else tuple(axis)
        if not axes or 0 in axes:
            raise ValueError(
                "`axis` of LayerCentering should be one or several axes other "
                f"than 0, the batch. Received: axis={axis!r}"
            )
        self.axis = axes
        self.supports_masking = True

    def build(self, input_shape):
        rank = len(input_shape)
        if any(not 0 < axis % rank < rank for axis in self.axis):
            raise ValueError(
                "LayerCentering does not mix samples. Expected axes other than "
                f"the batch. Received: axis={self.axis} for input shape "
                f"{tuple(input_shape)}"
            )

    def call(self, inputs):
        precise = keras.backend.result_type(inputs.dtype, "float32")
        mean = ops.mean(ops.cast(inputs, precise), self.axis, keepdims=True)
        return inputs - ops.cast(mean, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}
