from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._checks import check_amount
from keras_lipschitz.losses._checks import check_positive
from keras_lipschitz.losses._margin_terms import crossentropy
from keras_lipschitz.losses.logit_loss import LogitLoss


@register
class OffsetCrossentropy(LogitLoss):
    """Cross-entropy with a temperature, and an offset that asks for a margin.

    For logits `f` and label `y`,

        loss = T * crossentropy((f - offset * onehot(y)) / T, y)

    A network of constant one cannot make its logits large: the temperature does
    it instead. The offset is taken from the label's logit, which has to win by
    that much more; `2 * sqrt(2) * epsilon` asks for a radius of `2 * epsilon`.
    Without offset it is cross-entropy with a temperature alone.

    The value is NaN for a label that is no class.

    Args:
        offset: Number, zero or more. Defaults to `2 ** 0.5`.
        temperature: Number above zero. Defaults to `0.25`.
        bottom: Whether the last column of `y_pred` is a bottom logit, as it is
            in a `GloroModel`. Defaults to `True`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"offset_crossentropy"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `LogitLoss`: labels, and logits with or without the bottom.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.OffsetCrossentropy(
    ...     offset=1.0, temperature=1.0, bottom=False)
    >>> value = loss(np.array([0]), np.array([[2.0, 1.0]]))
    >>> round(float(value), 4)
    0.6931

    Reference:
        - [Prach and Lampert, Almost-Orthogonal Layers for Efficient
          General-Purpose Lipschitz Networks, ECCV 2022](
          https://arxiv.org/abs/2208.03160)
    """

    def __init__(
        self,
        offset=2**0.5,
        temperature=0.25,
        bottom=True,
        reduction="sum_over_batch_size",
        name="offset_crossentropy",
        **kwargs,
    ):
        super().__init__(bottom, reduction=reduction, name=name, **kwargs)
        self.offset = check_amount("offset", offset)
        self.temperature = check_positive("temperature", temperature)

    def logit_loss(self, logits, is_label):
        shifted = ops.where(is_label, logits - self.offset, logits)
        values = crossentropy(shifted / self.temperature, is_label)
        return self.temperature * values

    def get_config(self):
        return {
            **super().get_config(),
            "offset": self.offset,
            "temperature": self.temperature,
        }
