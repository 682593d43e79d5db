from keras import InputSpec
from keras import ops

from keras_lipschitz.layers.one_lipschitz.convex_potential import (
    ConvexPotential,
)
from keras_lipschitz.layers.one_lipschitz.convex_potential import check_slope
from keras_lipschitz.layers.one_lipschitz.vector_layer import VectorLayer
from keras_lipschitz.ops.linear_maps import DenseMap


class ResidualDense(ConvexPotential, VectorLayer):
    """A convex potential step on vectors: base class.

    Args:
        units: Integer, the size of what is inside.
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
        self.build_weights((input_shape[-1], self.units))
        self.mapped_shape = tuple(input_shape)

    def enter(self, inputs, kernel):
        return self.add_bias(ops.matmul(inputs, kernel))

    def leave(self, hidden, kernel):
        return ops.matmul(hidden, ops.transpose(kernel))

    def inner_map(self, input_shape):
        return DenseMap(
            lambda: self.kernel,
            (input_shape[-1],),
            (self.units,),
            known_norm=self.known_norm,
        )
