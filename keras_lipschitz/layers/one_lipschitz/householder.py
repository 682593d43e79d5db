import math

import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer
from keras_lipschitz.layers.one_lipschitz.arguments import check_positive


@register
class Householder(LipschitzLayer, keras.layers.Layer):
    """Folds pairs of channels over learned lines: keeps gradient norms.

    A pair `z` on one side of a line is reflected to the other,
    `z - 2 relu(v . z) v` with `v = (sin t/2, -cos t/2)`, a continuous function
    whose Jacobian is orthogonal. Every pair has angles `t` of its own, which
    begin as `pi / 2`: then one fold is `MinMax`. Several folds follow one
    another, each over lines of its own.

    Args:
        order: Positive integer, how many folds. Defaults to `1`.
        axis: Integer, the channel axis; channel `i` is paired with
            `i + channels / 2`. Defaults to `-1`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        Any, with an even number of channels.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.Householder()
    >>> y = layer(np.array([[1.0, 4.0], [4.0, 1.0]]))
    >>> np.round(keras.ops.convert_to_numpy(y), 4).tolist()
    [[1.0, 4.0], [1.0, 4.0]]

    Reference:
        - [Singla et al., Improved deterministic l2 robustness on CIFAR-10 and
          CIFAR-100, ICLR 2022](https://arxiv.org/abs/2108.04062)
    """

    def __init__(self, order=1, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.order = check_positive(self, order=order)
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape):
        channels = input_shape[self.axis]
        if channels is None or channels % 2:
            raise ValueError(
                "Householder folds pairs of channels. Expected an even number "
                f"of channels along axis {self.axis}. Received: input shape "
                f"{tuple(input_shape)}"
            )
        self.angles = self.add_weight(
            name="angles",
            shape=(self.order, channels // 2),
            initializer=self._initial,
            autocast=False,
        )

    @staticmethod
    def _initial(shape, dtype):
        # Each line is turned against the last by an eighth of the circle.
        first = ops.arange(1, shape[0] + 1, dtype="float32")[:, None]
        angles = math.pi / 2 * ops.broadcast_to(first, shape)
        return ops.cast(angles, dtype)

    def call(self, inputs):
        a, b = ops.split(inputs, 2, axis=self.axis)
        shape = [1] * len(inputs.shape)
        shape[self.axis] = -1
        half = ops.cast(self.angles, "float32") / 2.0
        sines = ops.cast(ops.sin(half), self.compute_dtype)
        cosines = ops.cast(ops.cos(half), self.compute_dtype)
        for i in range(self.order):
            sine = ops.reshape(sines[i], shape)
            cosine = ops.reshape(cosines[i], shape)
            beyond = 2.0 * ops.relu(a * sine - b * cosine)
            a, b = a - beyond * sine, b + beyond * cosine
        return ops.concatenate([a, b], axis=self.axis)

    def compute_output_shape(self, input_shape):
        return input_shape

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "order": self.order,
            "axis": self.axis,
        }
