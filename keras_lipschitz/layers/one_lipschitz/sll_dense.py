from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.residual_dense import ResidualDense
from keras_lipschitz.layers.one_lipschitz.sll_weights import SLLWeights
from keras_lipschitz.ops.spectral_rescaling import output_factors


@register
class SLLDense(SLLWeights, ResidualDense):
    """An SDP-based Lipschitz layer on vectors: a residual block.

        y = x - 2 V activation(V^T x + b),    V = W T^(1/2),
        1 / T_i = sum_j |W^T W|_ij q_j / q_i

    1-Lipschitz for any weights `W` and any `q > 0`, which is learned. The
    output has the size of the input. (In the paper `b` is scaled by `T` too:
    that is the same set of functions for `"relu"`.)

    Args:
        units: Integer, the size of what is inside.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        use_bias: Whether to add `b`. Defaults to `True`.
        kernel_initializer: Initializer of `W`. Defaults to `"orthogonal"`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        The same.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.SLLDense(8)
    >>> layer(np.ones((1, 4), "float32")).shape
    (1, 4)
    >>> layer.lipschitz_constant()
    1.0

    Reference:
        - [Araujo et al., A Unified Algebraic Perspective on Lipschitz Neural
          Networks, ICLR 2023](https://arxiv.org/abs/2303.03169)
    """

    def parametrize(self, raw, log_q):
        return raw * output_factors(raw, weights=ops.exp(log_q))
