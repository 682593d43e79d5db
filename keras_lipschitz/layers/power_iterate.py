import keras

from keras_lipschitz._registration import register
from keras_lipschitz.ops.power_method import power_method


@register
class PowerIterate(keras.layers.Layer):
    """The state of a power method: a vector that outlives the training step.

    Weights move little in one step, so one or two iterations from the last
    vector keep the estimate of a spectral norm close, at the cost of a batch
    of one.

    Args:
        shape: Shape of the output of the linear map, without the batch.
        **kwargs: Base layer keyword arguments.
    """

    def __init__(self, shape, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.vector = self.add_weight(
            name="vector",
            shape=(1, *self.shape),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            dtype="float32",
            autocast=False,
            # The vector depends on the weights alone: all replicas agree.
            aggregation="only_first_replica",
        )
        self.built = True

    def estimate(self, linear_map, iterations=1):
        """The norm of `linear_map`, estimated from below; changes nothing."""
        norm, _ = power_method(
            linear_map, linear_map.kernel, self.vector, iterations
        )
        return norm

    def advance(self, linear_map, iterations=1):
        """The same, and keeps the new vector for the next time."""
        norm, vector = power_method(
            linear_map, linear_map.kernel, self.vector, iterations
        )
        self.vector.assign(vector)
        return norm

    def get_config(self):
        return {**super().get_config(), "shape": self.shape}
