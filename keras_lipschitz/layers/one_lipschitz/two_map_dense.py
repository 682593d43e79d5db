from keras import InputSpec

from keras_lipschitz.layers.lipschitz_layer import InnerMapLipschitzLayer
from keras_lipschitz.layers.one_lipschitz.convex_potential import check_slope
from keras_lipschitz.layers.one_lipschitz.vector_layer import VectorLayer
from keras_lipschitz.ops.linear_maps import DenseMap


class TwoMapDense(InnerMapLipschitzLayer, VectorLayer):
    """Two matrices around an activation: base class.

    Args:
        units: Integer, the size of the output, or of what is inside.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        *args: As for `keras.layers.Dense`.
        **kwargs: Likewise.
    """

    def __init__(self, units, activation="relu", *args, **kwargs):
        super().__init__(units, activation, *args, **kwargs)
        check_slope(self)

    def build(self, input_shape):
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self.build_weights((self.rows(input_shape[-1]), self.units))
        self.mapped_shape = tuple(input_shape)

    def rows(self, inputs):
        """The rows of the kernel."""
        raise NotImplementedError

    def map_of_kernel(self):
        """The linear map of the kernel."""
        return DenseMap(
            lambda: self.kernel,
            self.kernel_shape[:1],
            self.kernel_shape[1:],
            known_norm=self.known_norm,
        )
