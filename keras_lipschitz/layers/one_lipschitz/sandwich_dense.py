from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.two_map_dense import TwoMapDense
from keras_lipschitz.ops.orthogonal import cayley


@register
class SandwichDense(TwoMapDense):
    """A sandwich layer (LBDN) on vectors: two matrices around an activation.

        y = 2 A^T activation(B x + b),    A A^T + B B^T = I

    With slopes `D` between 0 and 1 the Jacobian is `2 A^T D B`, whose norm is
    at most `||[A B]||^2 = 1`: less room is lost than by bounding the two
    factors one by one. Inputs and units may differ in number. (The paper's
    scaling of `b` is left out: that is the same set of functions for
    `"relu"`.)

    Args:
        units: Integer, the size of the output.
        activation: Activation function, increasing with a slope of at most
            one. Defaults to `"relu"`.
        use_bias: Whether to add `b`. Defaults to `True`.
        kernel_initializer: Initializer of the raw weights. Defaults to
            `"orthogonal"`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.SandwichDense(3)
    >>> layer(np.ones((1, 4), "float32")).shape
    (1, 3)
    >>> layer.lipschitz_constant()
    1.0

    Reference:
        - [Wang and Manchester, Direct Parameterization of Lipschitz-Bounded
          Deep Networks, ICML 2023](https://arxiv.org/abs/2301.11526)
    """

    def rows(self, inputs):
        return self.units + inputs

    def parametrize(self, raw):
        """`A` and `B`, one above the other: the columns are orthonormal."""
        return cayley(raw)

    def call(self, inputs):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        a, b = kernel[: self.units], kernel[self.units :]
        hidden = self.activation(self.add_bias(ops.matmul(inputs, b)))
        return 2.0 * ops.matmul(hidden, ops.transpose(a))

    def inner_map(self, input_shape):
        return self.map_of_kernel()

    def constant_of_norm(self, norm):
        return norm * norm
