import keras

from keras_lipschitz._registration import register
from keras_lipschitz.losses._terms import crossentropy
from keras_lipschitz.losses._terms import log_partition
from keras_lipschitz.losses._terms import rejection
from keras_lipschitz.losses._terms import split_outputs
from keras_lipschitz.ops.labels import class_probabilities


@register
class GloroCrossentropy(keras.losses.Loss):
    """Cross-entropy over the classes and the bottom class.

    For outputs `[f, bottom]` of a `GloroModel` and label `y`,

        logsumexp([f, bottom]) - f_y

    It falls as the label's logit rises above what any other class could reach
    within the radius. The same is the cross-entropy of the logits alone plus
    `softplus(bottom - logsumexp(f))`: `GloroTrades` with weight 1.

    The value is NaN for a label that is no class, and infinite where the
    bottom logit is.

    Args:
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"gloro_crossentropy"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)` with classes as integers, or
        `(batch, classes)` with probabilities. `y_pred`:
        `(batch, classes + 1)`.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.GloroCrossentropy()
    >>> value = loss(np.array([0]), np.array([[2.0, 1.0, 1.5]]))
    >>> round(float(value), 4)
    0.6803

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="gloro_crossentropy",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, y_true, y_pred):
        logits, bottom = split_outputs(y_pred)
        probabilities = class_probabilities(y_true, logits.shape[1])
        partition = log_partition(logits)
        clean = crossentropy(probabilities, logits, partition)
        return clean + rejection(bottom, partition)
