import keras

from keras_lipschitz._registration import register
from keras_lipschitz.metrics._decisions import is_rejected


@register
class RejectionRate(keras.metrics.Mean):
    """Share of samples on which a `GloroModel` abstains.

    A sample is rejected when no logit is larger than the bottom logit: a tie
    is a rejection, and so is a logit that is not finite.

    Args:
        name: String. Defaults to `"rejection_rate"`.
        **kwargs: Base metric keyword arguments.

    Input shape:
        `y_true`: not used. `y_pred`: `(batch, classes + 1)`.

    Example:

    >>> import numpy as np
    >>> metric = keras_lipschitz.metrics.RejectionRate()
    >>> metric.update_state(np.array([0]), np.array([[2.0, 1.0, 3.0]]))
    >>> float(metric.result())
    1.0
    """

    def __init__(self, name="rejection_rate", **kwargs):
        super().__init__(name=name, **kwargs)
        self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(is_rejected(y_pred), sample_weight)
