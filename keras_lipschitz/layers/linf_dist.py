import math

from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers._arguments import check_count
from keras_lipschitz.layers.linf_dist_layer import LInfDistLayer
from keras_lipschitz.ops.lp_distance import lp_distance
from keras_lipschitz.ops.rounding import root_up


@register
class LInfDist(LInfDistLayer):
    """Distances of the input from learned points, in the l_inf norm.

    A unit with weights `w` answers

        max_i |x_i - w_i| + bias

    which moves by no more than the entry of `x` that moves most: the layer is
    1-Lipschitz in the l_inf norm, whatever its weights, and so is a stack of
    such layers. As a function of its input it is as expressive as any
    1-Lipschitz function.

    The `p` below only concerns training: at inference it is always infinite.
    Follow each layer but the last by a `MeanShift`.

    Args:
        units: Integer, how many points.
        p: Number, 1 or more, or `math.inf`: the norm in training, which
            `PNormAnnealing` moves. Defaults to `math.inf`.
        use_bias: Whether to add a bias to the distances. Defaults to `False`.
        identity: Number, or `None`. Where there are at least as many units as
            inputs, each unit begins as the distance from `-identity` in one
            input, and the layer as the identity, plus `identity`, near the
            origin. Defaults to `10.0`.
        kernel_initializer: Initializer of the other entries. Defaults to the
            normal distribution of variance 1.
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.LInfDist(1)
    >>> x = np.array([[1.0, -4.0]], "float32")
    >>> y = layer(x)
    >>> layer.set_weights([np.array([[3.0], [-3.0]]), layer.weights[1]])
    >>> float(layer(x)[0, 0])
    2.0

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, ICML 2021](
          https://arxiv.org/abs/2102.05363)
    """

    def __init__(self, units, p=math.inf, **kwargs):
        super().__init__(p=p, **kwargs)
        self.units = check_count(self, "units", units)

    def build(self, input_shape):
        if input_shape[-1] is None:
            raise ValueError(
                "LInfDist needs the size of the last axis. Received: input "
                f"shape {tuple(input_shape)}"
            )
        self.build_weights((input_shape[-1], self.units))

    def call(self, inputs, training=False):
        y = lp_distance(
            inputs, self.kernel, self.norm_at(training), training=training
        )
        return ops.cast(self.with_bias(y), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def lipschitz_constant(self):
        # All units may look at the same input.
        return root_up(self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}
