from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.ops.orthogonal import cayley


@register
class CayleyDense(ParametrizedDense):
    """An orthogonal `Dense` layer, by the Cayley transform.

    Orthogonal for any weights: the matrix that is inverted is always well
    conditioned.

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
    >>> layer = keras_lipschitz.layers.CayleyDense(2)
    >>> y = layer(np.ones((1, 4), "float32"))
    >>> kernel = keras.ops.convert_to_numpy(layer.kernel)
    >>> [round(float(s), 4) for s in np.linalg.svd(kernel)[1]]
    [1.0, 1.0]

    Reference:
        - [Trockman and Kolter, Orthogonalizing Convolutional Layers with the
          Cayley Transform, ICLR 2021](https://arxiv.org/abs/2104.07167)
    """

    def parametrize(self, raw):
        return cayley(raw)
