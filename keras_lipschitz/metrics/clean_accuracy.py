import keras

from keras_lipschitz._registration import register
from keras_lipschitz.metrics._decisions import is_correct


@register
class CleanAccuracy(keras.metrics.Mean):
    """Share of samples that are classified right, certified or not.

    The bottom logit is left out: the accuracy of the wrapped network. A sample
    with a logit that is not finite never counts.

    Args:
        name: String. Defaults to `"clean_accuracy"`.
        **kwargs: Base metric keyword arguments.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)` with classes as integers, or
        one-hot `(batch, classes)`. `y_pred`: `(batch, classes + 1)`.

    Example:

    >>> import numpy as np
    >>> metric = keras_lipschitz.metrics.CleanAccuracy()
    >>> metric.update_state(np.array([0]), np.array([[2.0, 1.0, 3.0]]))
    >>> float(metric.result())
    1.0
    """

    def __init__(self, name="clean_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self._direction = "up"

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(is_correct(y_true, y_pred), sample_weight)
