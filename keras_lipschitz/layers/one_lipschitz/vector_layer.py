import keras

from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    ParametrizedLayer,
)


class VectorLayer(ParametrizedLayer, keras.layers.Dense):
    """A layer on vectors with a kernel that is computed: base class.

    Args:
        units: Integer, the size of the output.
        activation: Activation function.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initializer of the raw weights. Defaults to
            `"orthogonal"`.
        parametrized: Whether the kernel is computed; else it is a weight that
            is not trained. Defaults to `True`.
        **kwargs: As for `keras.layers.Dense`.
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="orthogonal",
        parametrized=True,
        **kwargs,
    ):
        super().__init__(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )

        self.parametrized = bool(parametrized)

    def add_bias(self, outputs):
        return outputs if self.bias is None else outputs + self.bias

    def get_config(self):
        config = super().get_config()
        if not self.parametrized:
            config["parametrized"] = False
        return config
