import collections
import contextlib

import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer

_measured = []


@contextlib.contextmanager
def measuring():
    """Within, layers called for inference subtract the mean of the batch.

    Yields:
        Dict from the `id` of each layer to the list of means that it met.
    """
    _measured.append(collections.defaultdict(list))
    try:
        yield _measured[-1]
    finally:
        _measured.pop()


@register
class MeanShift(LipschitzLayer, keras.layers.Layer):
    """Subtracts the mean of every channel: batch normalisation without scale.

    Distances are never negative and grow from layer to layer; this layer
    moves them back to where the next layer's points are. In training it
    subtracts the mean over the batch, at inference a moving mean of those: a
    translation, which is 1-Lipschitz in every norm.

    The moving mean is of the norm that was trained in. Before a network of
    l_inf distances is judged, `MeanShiftUpdate` measures it anew at `p = inf`.

    Args:
        axis: Integer, the channel axis. Defaults to `-1`.
        momentum: Number from 0 to 1, the share of the old moving mean that
            a training step keeps. Defaults to `0.9`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.MeanShift()
    >>> y = layer(np.array([[1.0], [5.0]], "float32"), training=True)
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[-2.0], [2.0]]

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, ICML 2021](
          https://arxiv.org/abs/2102.05363)
    """

    def __init__(self, axis=-1, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        if isinstance(momentum, bool) or not 0.0 <= momentum <= 1.0:
            raise ValueError(
                "`momentum` of MeanShift should be a number from 0 to 1. "
                f"Received: momentum={momentum!r}"
            )
        self.axis = axis
        self.momentum = momentum

    def build(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank or self.axis % rank == 0:
            raise ValueError(
                "`axis` of MeanShift should be an axis of the input behind the "
                f"batch. Received: axis={self.axis}, input shape "
                f"{tuple(input_shape)}"
            )
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                f"MeanShift needs the size of axis {self.axis}. Received: "
                f"input shape {tuple(input_shape)}"
            )
        self.moving_mean = self.add_weight(
            name="moving_mean",
            shape=(channels,),
            initializer="zeros",
            trainable=False,
            autocast=False,
        )

    def call(self, inputs, training=False):
        # In float32, for means of many float16 lose what is small.
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean = ops.cast(self.moving_mean, x.dtype)
        if training:
            kept = self.momentum * mean
            mean = self.batch_mean(x)
            self.moving_mean.assign(kept + (1.0 - self.momentum) * mean)
        elif _measured:
            mean = self.batch_mean(x)
            _measured[-1][id(self)].append(mean)
        return ops.cast(x - self.along_axis(mean, x), inputs.dtype)

    def batch_mean(self, x):
        """The mean of every channel over the batch and all other axes."""
        channel = self.axis % len(x.shape)
        axes = [axis for axis in range(len(x.shape)) if axis != channel]
        return ops.mean(x, axis=axes)

    def along_axis(self, mean, x):
        """A vector of channels in the shape that subtracts from `x`."""
        shape = [1] * len(x.shape)
        shape[self.axis] = -1
        return ops.reshape(mean, shape)

    def compute_output_shape(self, input_shape):
        return input_shape

    def lipschitz_constant(self):
        return 1.0

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
        }
