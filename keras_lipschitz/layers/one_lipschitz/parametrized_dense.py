import dataclasses

import keras
from keras import ops

from keras_lipschitz.layers.linear_maps import dense_map
from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.one_lipschitz.vector_layer import VectorLayer


class ParametrizedDense(LinearLipschitzLayer, VectorLayer):
    """A `Dense` layer with a kernel that is computed: base class.

    Args:
        *args: As for `VectorLayer`.
        **kwargs: Likewise.
    """

    def build(self, input_shape):
        self.input_spec = keras.InputSpec(
            min_ndim=2, axes={-1: input_shape[-1]}
        )
        self.build_weights((input_shape[-1], self.units))
        self.build_power_iterate(input_shape)

    def call(self, inputs):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return self.activation(self.add_bias(ops.matmul(inputs, kernel)))

    def linear_map(self, input_shape):
        linear_map = dense_map(self, input_shape)
        return dataclasses.replace(linear_map, known_norm=self.known_norm)
