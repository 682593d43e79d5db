from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.ops.orthogonal import cholesky


@register
class CholeskyDense(ParametrizedDense):
    """An orthogonal `Dense` layer, by a Cholesky factor: fast for wide layers.

    The norm is at most one for any weights. Directions in which the raw
    weights are weak, a hundredth of their norm and less, come out weaker than
    one: there the kernel is not orthogonal.

    Args:
        units: Integer, the size of the output.
        activation: Activation function.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initializer of the raw weights. Defaults to
            `"orthogonal"`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.CholeskyDense(2)
    >>> y = layer(np.ones((1, 4), "float32"))
    >>> kernel = keras.ops.convert_to_numpy(layer.kernel)
    >>> [round(float(s), 4) for s in np.linalg.svd(kernel)[1]]
    [1.0, 1.0]

    Reference:
        - [Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024](
          https://arxiv.org/abs/2310.02513)
    """

    def parametrize(self, raw):
        return cholesky(raw)
