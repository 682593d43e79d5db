import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.ops.labels import class_indices
from keras_lipschitz.ops.labels import mark_unknown


@register
class GloroCrossentropy(keras.losses.Loss):
    """Cross-entropy over the classes and the bottom class.

    For outputs `[f, bottom]` of a `GloroModel` and label `y`,

        logsumexp([f, bottom]) - f_y

    It falls as the label's logit rises above what any other class could reach
    within the radius.

    Args:
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"gloro_crossentropy"`.
        **kwargs: Base loss keyword arguments.

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
        classes = y_pred.shape[-1] - 1
        labels = class_indices(y_true, classes)
        logit = ops.sum(ops.one_hot(labels, classes + 1) * y_pred, axis=1)
        values = ops.logsumexp(y_pred, axis=1) - logit
        return mark_unknown(values, labels, classes)
