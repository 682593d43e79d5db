import math

from keras import ops

from keras_lipschitz.layers._spatial import check_fixed_size
from keras_lipschitz.layers._spatial import check_pool_size
from keras_lipschitz.layers._spatial import check_rank
from keras_lipschitz.layers._spatial import spatial_size
from keras_lipschitz.layers.block_layer2d import BlockLayer2D


class WindowPooling2D(BlockLayer2D):
    """Pooling over windows that do not overlap: base class.

    As no input is read twice, the whole is as Lipschitz as one window; a
    subclass pools one window 1-Lipschitz-continuously.

    Args:
        pool_size: Integer or pair of integers, the size of the window.
            Defaults to `2`.
        strides: `None` or `pool_size`: windows lie side by side. Defaults to
            `None`.
        padding: `"valid"` leaves out the border that does not fill a window,
            `"same"` fills it up with zeros on both sides. Defaults to
            `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to
            `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments.
    """

    def __init__(
        self,
        pool_size=2,
        strides=None,
        padding="valid",
        data_format=None,
        **kwargs,
    ):
        super().__init__(pool_size, data_format, **kwargs)
        kind = type(self).__name__
        if strides is not None:
            strides = check_pool_size(kind, strides)
        if strides not in (None, self.pool_size):
            raise ValueError(
                f"{kind} is 1-Lipschitz where windows do not overlap. Expected "
                f"`strides` to be None or {self.pool_size}, the pool size. "
                f"Received: strides={strides}"
            )
        if padding not in ("valid", "same"):
            raise ValueError(
                f"`padding` of {kind} should be 'valid' or 'same'. "
                f"Received: padding={padding!r}"
            )
        self.padding = padding

    def build(self, input_shape):
        kind = type(self).__name__
        check_rank(kind, input_shape)
        if self.padding == "same":
            check_fixed_size(kind, input_shape, self.data_format)
        elif 0 in spatial_size(
            self.compute_output_shape(input_shape), self.data_format
        ):
            raise ValueError(
                f"Expected an input of {kind} that holds at least one window "
                f"of {self.pool_size}. Received: input shape "
                f"{tuple(input_shape)} in format {self.data_format!r}"
            )

    def window_means(self, x):
        """The mean over each window, border zeros included."""
        if self.padding == "same":
            x = self._padded(x)
        return ops.average_pool(
            x,
            self.pool_size,
            strides=self.pool_size,
            padding="valid",
            data_format=self.data_format,
        )

    def _padded(self, x):
        # The backends' own "same" divides by fewer entries at the border.
        widths = [(0, 0)] * 4
        for axis, pool in self.pool_of_axis.items():
            missing = -x.shape[axis] % pool
            widths[axis] = (missing // 2, missing - missing // 2)
        return ops.pad(x, widths)

    @property
    def window_area(self):
        return math.prod(self.pool_size)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis, pool in self.pool_of_axis.items():
            if shape[axis] is not None:
                partial = pool - 1 if self.padding == "same" else 0
                shape[axis] = (shape[axis] + partial) // pool
        return tuple(shape)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}
