from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.arguments import check_positive
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.ops.spectral_rescaling import rescale


@register
class SpectralRescalingDense(ParametrizedDense):
    """A `Dense` layer scaled unit by unit to norm one, closer than `AOLDense`.

    With `iterations=1` it is `AOLDense`. Each further iteration squares the
    Gram matrix, and the bound that the units are divided by comes closer to
    the norm.

    Args:
        units: Integer, the size of the output.
        activation: Activation function.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initializer of the raw weights. Defaults to
            `"orthogonal"`.
        iterations: Positive integer. Defaults to `3`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.SpectralRescalingDense(3)
    >>> y = layer(np.ones((1, 4), "float32"))
    >>> kernel = keras.ops.convert_to_numpy(layer.kernel)
    >>> bool(np.linalg.norm(kernel, 2) <= 1.0)
    True

    Reference:
        - [Delattre et al., Spectral Norm of Convolutional Layers with Circular
          and Zero Paddings, 2024](https://arxiv.org/abs/2402.00240)
    """

    def __init__(self, units, *args, iterations=3, **kwargs):
        super().__init__(units, *args, **kwargs)
        self.iterations = check_positive(self, iterations=iterations)

    def parametrize(self, raw):
        return rescale(raw, self.iterations)

    def get_config(self):
        return {**super().get_config(), "iterations": self.iterations}
