from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.ops.spectral_rescaling import rescale


@register
class AOLDense(ParametrizedDense):
    """An almost-orthogonal `Dense` layer: the cheapest that is 1-Lipschitz.

    Every unit (or input, whichever are fewer) is divided by the root of its
    row sum in `|W^T W|`. The norm is at most one for any weights, and training
    drives the kernel towards an orthogonal one.

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
    >>> layer = keras_lipschitz.layers.AOLDense(3)
    >>> y = layer(np.ones((1, 4), "float32"))
    >>> kernel = keras.ops.convert_to_numpy(layer.kernel)
    >>> bool(np.linalg.norm(kernel, 2) <= 1.0)
    True

    Reference:
        - [Prach and Lampert, Almost-Orthogonal Layers for Efficient
          General-Purpose Lipschitz Networks, ECCV 2022](
          https://arxiv.org/abs/2208.03160)
    """

    def parametrize(self, raw):
        return rescale(raw)
