import math

import keras
import numpy as np
from keras import ops

from keras_lipschitz._numbers import is_amount
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer

# The name of the weights that are points to be distant from.
POINTS = "points"
# How a variable says that p is infinite: all weights have to be finite.
_INFINITE = 0.0


class LInfDistLayer(LipschitzLayer, keras.layers.Layer):
    """A layer of distances in the l_inf norm: base class.

    A maximum hands its gradient to one of its arguments alone, from which a
    network learns little. In training the layer therefore measures in the l_p
    norm, with a `p` that `PNormAnnealing` raises until it is infinite. At
    inference it always measures in the l_inf norm: no number that speaks of
    the network, certified or not, is of another one.

    Args:
        p: Number, 1 or more, or `math.inf`: the norm in training. May be set.
            Defaults to `math.inf`.
        use_bias: Whether to add a bias to the distances. Defaults to `False`.
        identity: Number, or `None`. Where there are at least as many units as
            inputs, each unit begins as the distance from `-identity` in one
            input, and the layer as the identity, plus `identity`, near the
            origin. Defaults to `10.0`.
        kernel_initializer: Initializer of the other entries. Defaults to the
            normal distribution of variance 1.
        **kwargs: Base layer keyword arguments.
    """

    channel_axis = -1

    def __init__(
        self,
        p=math.inf,
        use_bias=False,
        identity=10.0,
        kernel_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if kernel_initializer is None:
            kernel_initializer = keras.initializers.RandomNormal(stddev=1.0)
        if identity is not None and not is_amount(identity):
            raise ValueError(
                "`identity` should be a finite number, zero or more, or None. "
                f"Received: identity={identity!r}"
            )
        self.p = p
        self.use_bias = bool(use_bias)
        self.identity = identity
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    @property
    def p(self):
        """The norm in training, a float; may be set."""
        if not self.built:
            return self._p
        return from_stored(float(ops.convert_to_numpy(self.p_variable)))

    @p.setter
    def p(self, value):
        self._p = check_p(value)
        if self.built:
            self.p_variable.assign(stored(self._p))

    def norm_at(self, training):
        """The `p` to measure with: a scalar tensor; infinity at inference."""
        if not training:
            return math.inf
        return from_stored(self.p_variable)

    def build_weights(self, kernel_shape, tap=()):
        """Creates the weights.

        Args:
            kernel_shape: `(*kernel_size, inputs, units)`.
            tap: Index into the kernel size: where a unit that begins as the
                identity looks.
        """
        # Distances are computed in float32, whatever the policy.
        self.kernel = self.add_weight(
            name=POINTS,
            shape=kernel_shape,
            initializer=lambda shape, dtype: self._initial(shape, dtype, tap),
            autocast=False,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=kernel_shape[-1:],
                initializer="zeros",
                autocast=False,
            )
        self.p_variable = self.add_weight(
            name="p",
            shape=(),
            initializer=keras.initializers.Constant(stored(self._p)),
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )

    def with_bias(self, y):
        """Distances with the bias of their channel."""
        if self.bias is None:
            return y
        shape = [1] * len(y.shape)
        shape[self.channel_axis] = -1
        return y + ops.reshape(ops.cast(self.bias, y.dtype), shape)

    def _initial(self, shape, dtype, tap):
        kernel = self.kernel_initializer(shape, dtype=dtype)
        inputs, units = shape[-2:]
        if self.identity is None or units < inputs:
            return kernel
        looks = np.zeros(shape, bool)
        looks[(*tap, np.arange(units) % inputs, np.arange(units))] = True
        return ops.where(looks, ops.cast(-self.identity, dtype), kernel)

    def get_config(self):
        return {
            **super().get_config(),
            "p": self.p,
            "use_bias": self.use_bias,
            "identity": self.identity,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
        }


def check_p(p):
    """A norm as a float, or a `ValueError`."""
    number = is_amount(p) or p == math.inf
    if not number or p < 1:
        raise ValueError(
            f"`p` should be a number, 1 or more, or math.inf. Received: p={p!r}"
        )
    return float(p)


def stored(p):
    """A norm as a variable holds it."""
    return _INFINITE if p == math.inf else p


def from_stored(p):
    """A norm from what a variable holds: a float, or a tensor."""
    if isinstance(p, float):
        return math.inf if p == _INFINITE else p
    p = ops.convert_to_tensor(p)
    return ops.where(p == _INFINITE, math.inf, p)
