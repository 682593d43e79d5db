from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.arguments import check_positive
from keras_lipschitz.layers.one_lipschitz.norm_division import NormDivision
from keras_lipschitz.layers.one_lipschitz.residual_dense import ResidualDense
from keras_lipschitz.ops.spectral_rescaling import output_factors


@register
class CPLDense(NormDivision, ResidualDense):
    """A convex potential layer on vectors: a residual block.

        y = x - 2 V activation(V^T x + b),    V = W / ||W||

    The output has the size of the input. In training `||W||` is one step of
    the power method, from where the last step left it; at inference it is a
    bound from above, so the layer is 1-Lipschitz for any weights.

    Args:
        units: Integer, the size of what is inside.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        use_bias: Whether to add `b`. Defaults to `True`.
        kernel_initializer: Initializer of `W`. Defaults to `"orthogonal"`.
        iterations: Positive integer, how often the Gram matrix is squared for
            the bound, which exceeds the norm by no more than a factor
            `units ** (2 ** -iterations)`. Defaults to `9`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        The same.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.CPLDense(8)
    >>> layer(np.ones((1, 4), "float32")).shape
    (1, 4)
    >>> layer.lipschitz_constant()
    1.0

    Reference:
        - [Meunier et al., A Dynamical System Perspective for Lipschitz Neural
          Networks, ICML 2022](https://arxiv.org/abs/2110.12690)
    """

    def __init__(self, units, *args, iterations=9, **kwargs):
        super().__init__(units, *args, **kwargs)
        self.iterations = check_positive(self, iterations=iterations)

    def parametrize(self, raw):
        short = raw if raw.shape[0] >= raw.shape[1] else ops.transpose(raw)
        return raw * ops.min(output_factors(short, self.iterations))

    def get_config(self):
        return {**super().get_config(), "iterations": self.iterations}
