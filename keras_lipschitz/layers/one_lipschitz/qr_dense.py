from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.ops.orthogonal import qr


@register
class QRDense(ParametrizedDense):
    """An orthogonal `Dense` layer, by the QR decomposition.

    Orthogonal for any weights; gradients need raw weights of full rank, and
    are large where they nearly are not.

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
    >>> layer = keras_lipschitz.layers.QRDense(2)
    >>> y = layer(np.ones((1, 4), "float32"))
    >>> kernel = keras.ops.convert_to_numpy(layer.kernel)
    >>> [round(float(s), 4) for s in np.linalg.svd(kernel)[1]]
    [1.0, 1.0]
    """

    def parametrize(self, raw):
        return qr(raw)
