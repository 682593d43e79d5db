import keras
import numpy as np
from keras import ops

from keras_lipschitz.layers.mean_shift import MeanShift
from keras_lipschitz.layers.mean_shift import measuring


class BatchMeans(keras.Model):
    """The means that the `MeanShift` layers of a network meet at inference.

    What a layer of distances gives depends on the norm, so a moving mean from
    training at a finite `p` is not that of the network at `p = inf`. One pass
    over data, with every layer subtracting the mean of its batch, finds them.

    Args:
        network: A built Keras model.

    Example:

    ```python
    keras_lipschitz.models.BatchMeans(model.base).update(x_train)
    ```

    Reference:
        - [Zhang et al., Rethinking Lipschitz Neural Networks and Certified
          Robustness: A Boolean Function Perspective, NeurIPS 2022](
          https://arxiv.org/abs/2210.01787)
    """

    def __init__(self, network):
        super().__init__(name="batch_means")
        self.network = network

    @property
    def shifts(self):
        """The `MeanShift` layers of the network."""
        return [
            layer
            for layer in self.network._flatten_layers()
            if isinstance(layer, MeanShift)
        ]

    def call(self, inputs):
        with measuring() as measured:
            self.network(inputs, training=False)
        samples = ops.convert_to_tensor(ops.shape(inputs)[0])
        samples = ops.reshape(ops.cast(samples, "float32"), (1, 1))
        # A row for each batch. A shared layer has met several means.
        means = [
            ops.mean(ops.stack(measured[id(layer)]), axis=0)[None]
            for layer in self.shifts
        ]
        return [samples, *means]

    def update(self, x, batch_size=None, steps=None):
        """Gives each `MeanShift` the mean of what it met in the data.

        Args:
            x: Inputs, as for `keras.Model.predict`.
            batch_size: As for `keras.Model.predict`.
            steps: Integer, how many batches to look at. Defaults to all.
        """
        if not self.shifts:
            return
        samples, *means = self.predict(x, batch_size, verbose=0, steps=steps)
        for layer, mean in zip(self.shifts, means, strict=True):
            layer.moving_mean.assign(np.average(mean, 0, samples[:, 0]))
