import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_layer import LipschitzLayer


@register
class BatchCentering(LipschitzLayer, keras.layers.Layer):
    """Subtracts the mean of the batch, and scales nothing.

    What is left of `BatchNormalization` when the constant has to stay one: in
    training the mean of every channel over the batch is subtracted, at
    inference a moving average of it.

    Args:
        axis: Integer, the channel axis. Defaults to `-1`.
        momentum: Number between 0 and 1, of the moving average. Defaults to
            `0.99`.
        **kwargs: Base layer keyword arguments.

    Input shape:
        Any.

    Output shape:
        The same as the input.

    Example:

    >>> import numpy as np
    >>> layer = keras_lipschitz.layers.BatchCentering()
    >>> y = layer(np.array([[1.0], [5.0]]), training=True)
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[-2.0], [2.0]]

    Reference:
        - [Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024](
          https://arxiv.org/abs/2310.02513)
    """

    def __init__(self, axis=-1, momentum=0.99, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= momentum <= 1:
            raise ValueError(
                "`momentum` of BatchCentering should be between 0 and 1. "
                f"Received: momentum={momentum!r}"
            )
        self.axis = axis
        self.momentum = float(momentum)
        self.supports_masking = True

    def build(self, input_shape):
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                "BatchCentering keeps a mean for each channel. Expected a "
                f"fixed number of channels along axis {self.axis}. Received: "
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
        rank = len(inputs.shape)
        shape = [1] * rank
        shape[self.axis] = -1
        mean = ops.cast(self.moving_mean, "float32")
        if training:
            others = [i for i in range(rank) if i != self.axis % rank]
            batch_mean = ops.mean(ops.cast(inputs, "float32"), axis=others)
            moved = mean + (1.0 - self.momentum) * (batch_mean - mean)
            self.moving_mean.assign(
                ops.cast(ops.stop_gradient(moved), self.moving_mean.dtype)
            )
            mean = batch_mean
        return inputs - ops.cast(ops.reshape(mean, shape), inputs.dtype)

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
