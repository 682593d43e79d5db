from keras import ops

from keras_lipschitz.layers.one_lipschitz.convex_potential import (
    ConvexPotential,
)
from keras_lipschitz.layers.one_lipschitz.two_map_dense import TwoMapDense


class ResidualDense(ConvexPotential, TwoMapDense):
    """A convex potential step on vectors: base class.

    Args:
        units: Integer, the size of what is inside.
        *args: As for `TwoMapDense`.
        **kwargs: Likewise.
    """

    def rows(self, inputs):
        return inputs

    def enter(self, inputs, kernel):
        return self.add_bias(ops.matmul(inputs, kernel))

    def leave(self, hidden, kernel):
        return ops.matmul(hidden, ops.transpose(kernel))

    def inner_map(self, input_shape):
        return self.map_of_kernel()
