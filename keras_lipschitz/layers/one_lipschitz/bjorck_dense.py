from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.arguments import check_positive
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.ops.orthogonal import bjorck
from keras_lipschitz.ops.spectral_rescaling import rescale


@register
class BjorckDense(ParametrizedDense):
    """A `Dense` layer made orthogonal by Bjorck's iteration.

    Matrix products alone, so it runs anywhere. The norm is at most one for any
    weights and any number of iterations; the kernel is orthogonal once they
    have converged. A singular value a share `s` of the largest needs about
    `log(1 / s) / log(1.5) + 4` of them.

    Args:
        units: Integer, the size of the output.
        activation: Activation function.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initializer of the raw weights. Defaults to
            `"orthogonal"`.
        iterations: Positive integer. Defaults to `15`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.BjorckDense(2)
    >>> y = layer(np.ones((1, 4), "float32"))
    >>> kernel = keras.ops.convert_to_numpy(layer.kernel)
    >>> [round(float(s), 4) for s in np.linalg.svd(kernel)[1]]
    [1.0, 1.0]

    Reference:
        - [Anil et al., Sorting out Lipschitz function approximation,
          ICML 2019](https://arxiv.org/abs/1811.05381)
    """

    def __init__(self, units, *args, iterations=15, **kwargs):
        super().__init__(units, *args, **kwargs)
        self.iterations = check_positive(self, iterations=iterations)

    def parametrize(self, raw):
        return bjorck(rescale(raw), self.iterations)

    def get_config(self):
        return {**super().get_config(), "iterations": self.iterations}
