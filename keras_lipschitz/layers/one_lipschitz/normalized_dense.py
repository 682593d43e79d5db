from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)

_TINY = 1e-30


@register
class NormalizedDense(ParametrizedDense):
    """A `Dense` layer whose units each have weights of length one.

    Last-layer normalization: made for logits. Each logit is 1-Lipschitz, and
    margins are certified with the distance of two rows. The layer as a whole is
    not 1-Lipschitz; its norm is known and follows the weights.

    Args:
        units: Integer, the size of the output.
        activation: Activation function.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initializer of the weights before normalization.
            Defaults to `"orthogonal"`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.NormalizedDense(3)
    >>> y = layer(np.ones((1, 4), "float32"))
    >>> kernel = keras.ops.convert_to_numpy(layer.kernel)
    >>> [round(float(n), 4) for n in np.linalg.norm(kernel, axis=0)]
    [1.0, 1.0, 1.0]

    Reference:
        - [Singla et al., Improved deterministic l2 robustness on CIFAR-10 and
          CIFAR-100, ICLR 2022](https://arxiv.org/abs/2108.04062)
    """

    known_norm = None

    def parametrize(self, raw):
        squares = ops.sum(ops.square(raw), axis=0)
        return raw * ops.rsqrt(squares + _TINY)
