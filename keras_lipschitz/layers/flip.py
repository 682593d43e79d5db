import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._spatial import check_data_format
from keras_lipschitz.layers._spatial import check_rank
from keras_lipschitz.layers._spatial import spatial_axes
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer

# Which of height and width are turned round.
_AXES = {
    "horizontal": (1,),
    "vertical": (0,),
    "horizontal_and_vertical": (0, 1),
}


@register
class Flip(LipschitzLayer, keras.layers.Layer):
    """Mirrors every image: `keras.layers.RandomFlip` without chance.

    It only moves entries, so it preserves distances exactly. A classifier that
    reads an image and its mirror image answers the same for both: see
    `keras_lipschitz.models.ensemble`.

    Args:
        mode: `"horizontal"` (left becomes right), `"vertical"` or
            `"horizontal_and_vertical"`. Defaults to `"horizontal"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to
            `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, height, width, channels)` with `"channels_last"`.

    Output shape:
        That of the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.Flip()
    >>> y = layer(np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1))
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [3.0, 2.0, 1.0]
    """

    def __init__(self, mode="horizontal", data_format=None, **kwargs):
        super().__init__(**kwargs)
        if mode not in _AXES:
            raise ValueError(
                f"`mode` of Flip should be one of {', '.join(map(repr, _AXES))}"
                f". Received: mode={mode!r}"
            )
        self.mode = mode
        self.data_format = check_data_format("Flip", data_format)

    def build(self, input_shape):
        check_rank("Flip", input_shape)

    def call(self, inputs):
        axes = spatial_axes(self.data_format)
        return ops.flip(inputs, [axes[i] for i in _AXES[self.mode]])

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "mode": self.mode,
            "data_format": self.data_format,
        }
