import dataclasses

import keras
from keras import ops

from keras_lipschitz.layers.linear_maps import dense_map
from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    ParametrizedLayer,
)


class ParametrizedDense(ParametrizedLayer, keras.layers.Dense):
    """A `Dense` layer that is 1-Lipschitz by construction: base class.

    Args:
        units: Integer, the size of the output.
        activation: Activation function.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initializer of the raw weights. Defaults to
            `"orthogonal"`.
        **kwargs: As for `keras.layers.Dense`.
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="orthogonal",
        **kwargs,
    ):
        super().__init__(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )

    def build(self, input_shape):
        self.input_spec = keras.InputSpec(
            min_ndim=2, axes={-1: input_shape[-1]}
        )
        self.build_weights((input_shape[-1], self.units))
        self.build_power_iterate(input_shape)

    def call(self, inputs):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        outputs = ops.matmul(inputs, kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def linear_map(self, input_shape):
        linear_map = dense_map(self, input_shape)
        return dataclasses.replace(linear_map, known_norm=self.known_norm)
