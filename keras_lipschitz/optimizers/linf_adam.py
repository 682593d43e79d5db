import math

import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.linf_dist_layer import POINTS
from keras_lipschitz.layers.linf_dist_layer import check_p
from keras_lipschitz.layers.linf_dist_layer import from_stored
from keras_lipschitz.layers.linf_dist_layer import stored

_TINY = 1e-30


@register
class LInfAdam(keras.optimizers.AdamW):
    """Adam as nets of l_inf distances need it, with a weight decay of theirs.

    Most gradients of a distance are close to zero, so `epsilon` is 1e-10, and
    the norm changes while they train, so `beta_2` is 0.99. The points of
    `LInfDist` and `LInfDistConv2D` layers decay as if half their squared l_p
    norm were a loss, apart from the steps of Adam:

        w_i <- w_i - rate * weight_decay * (|w_i| / ||w||_p)^(p - 2) * w_i

    where `p` is that of training, which `PNormAnnealing` moves: at `p = inf`
    the largest entry of each point decays alone. All other variables decay as
    in `AdamW`.

    Args:
        learning_rate: As for `keras.optimizers.Adam`. Defaults to `0.02`.
        weight_decay: Number, or `None`. Defaults to `None`.
        beta_1: As for `keras.optimizers.Adam`. Defaults to `0.9`.
        beta_2: As for `keras.optimizers.Adam`. Defaults to `0.99`.
        epsilon: As for `keras.optimizers.Adam`. Defaults to `1e-10`.
        p: Number, 1 or more, or `math.inf`: may be set. Defaults to
            `math.inf`.
        name: String. Defaults to `"linf_adam"`.
        **kwargs: As for `keras.optimizers.Adam`.

    Example:

    ```python
    optimizer = keras_lipschitz.optimizers.LInfAdam(0.02, weight_decay=5e-3)
    model.compile(optimizer, loss="margin_hinge", metrics=["vra"])
    ```

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, ICML 2021](
          https://arxiv.org/abs/2102.05363)
    """

    def __init__(
        self,
        learning_rate=0.02,
        weight_decay=None,
        beta_1=0.9,
        beta_2=0.99,
        epsilon=1e-10,
        p=math.inf,
        name="linf_adam",
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay or 0.0,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            name=name,
            **kwargs,
        )
        # Adam's own decay is left out where there is none.
        self.weight_decay = weight_decay
        self._p = self.add_variable((), dtype="float32", name="p")
        self.p = p

    @property
    def p(self):
        """The norm in which points decay, a float; may be set."""
        return from_stored(float(ops.convert_to_numpy(self._p)))

    @p.setter
    def p(self, value):
        self._p.assign(stored(check_p(value)))

    def _apply_weight_decay(self, variables):
        if self.weight_decay is None:
            return
        points = [v for v in variables if v.name == POINTS]
        others = [v for v in variables if v.name != POINTS]
        super()._apply_weight_decay(others)
        for variable in filter(self._use_weight_decay, points):
            rate = ops.cast(self.learning_rate, variable.dtype)
            w = ops.convert_to_tensor(variable)
            decay = _lp_decay(w, ops.cast(from_stored(self._p), w.dtype))
            variable.assign(w - rate * self.weight_decay * decay)

    def get_config(self):
        return {**super().get_config(), "p": self.p}


def _lp_decay(w, p):
    """The gradient of half the squared l_p norm of each column."""
    axes = tuple(range(len(w.shape) - 1))
    size = ops.abs(w)
    largest = ops.max(size, axis=axes)
    share = size / ops.maximum(largest, _TINY)
    finite = ops.where(ops.isinf(p), 2.0, p)
    # Both exponents would overflow or vanish of what is not a share.
    norm = ops.power(ops.sum(ops.power(share, finite), axis=axes), 1.0 / finite)
    power = ops.power(ops.maximum(share / norm, _TINY), finite - 2.0)
    chosen = ops.cast(size == largest, w.dtype)
    return ops.where(ops.isinf(p), chosen, power) * w
