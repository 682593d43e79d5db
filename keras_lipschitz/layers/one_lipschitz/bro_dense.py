from keras_lipschitz._registration import register
from keras_lipschitz.layers.one_lipschitz.arguments import check_rank_ratio
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.ops.orthogonal import block_reflector


@register
class BRODense(ParametrizedDense):
    """An orthogonal `Dense` layer: a reflection of a low-dimensional space.

    `I - 2 V (V^T V)^-1 V^T` negates the column space of the raw weights `V`,
    cut to size where inputs and units are not equally many. Fewer columns cost
    less. The norm is at most one for any weights.

    Args:
        units: Integer, the size of the output.
        activation: Activation function.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initializer of the raw weights. Defaults to
            `"orthogonal"`.
        rank_ratio: Number between 0 and 1: columns of `V` as a share of its
            rows. Defaults to `0.5`.
        **kwargs: As for `keras.layers.Dense`.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.BRODense(2)
    >>> y = layer(np.ones((1, 4), "float32"))
    >>> kernel = keras.ops.convert_to_numpy(layer.kernel)
    >>> [round(float(s), 4) for s in np.linalg.svd(kernel)[1]]
    [1.0, 1.0]

    Reference:
        - [Lai et al., Enhancing Certified Robustness via Block Reflector
          Orthogonal Layers and Logit Annealing Loss, ICML 2025](
          https://arxiv.org/abs/2505.15174)
    """

    def __init__(self, units, *args, rank_ratio=0.5, **kwargs):
        super().__init__(units, *args, **kwargs)
        self.rank_ratio = check_rank_ratio(self, rank_ratio)

    def raw_shapes(self, kernel_shape):
        size = max(kernel_shape)
        return {"frame": (size, max(1, round(self.rank_ratio * size)))}

    def parametrize(self, frame):
        inputs, units = self.kernel_shape
        return block_reflector(frame)[:inputs, :units]

    def get_config(self):
        return {**super().get_config(), "rank_ratio": self.rank_ratio}
