from keras_lipschitz.layers.lipschitz_layer import InnerMapLipschitzLayer
from keras_lipschitz.layers.one_lipschitz.convex_potential import check_slope
from keras_lipschitz.layers.one_lipschitz.image_layer import ImageLayer
from keras_lipschitz.layers.one_lipschitz.image_layer import check_keeps_shape


class TwoMapConv2D(InnerMapLipschitzLayer, ImageLayer):
    """Two convolutions around an activation: base class.

    Args:
        filters: Integer, the channels of the output, or of what is inside.
        kernel_size: Odd integer or pair of them. Defaults to `3`.
        padding: `"same"` or `"circular"`. Defaults to `"same"`.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        **kwargs: As for `keras.layers.Conv2D`, without strides and groups.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        padding="same",
        activation="relu",
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            padding=padding,
            activation=activation,
            **kwargs,
        )
        check_slope(self)
        check_keeps_shape(self)

    def build(self, input_shape):
        super().build(input_shape)
        self.build_maps(input_shape)
        self.mapped_shape = tuple(input_shape)

    def build_maps(self, input_shape):
        """Creates the weights of both."""
        raise NotImplementedError
