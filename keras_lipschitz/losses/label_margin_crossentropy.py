from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._margin_terms import crossentropy
from keras_lipschitz.losses.margin_loss import MarginLoss


@register
class LabelMarginCrossentropy(MarginLoss):
    """Cross-entropy of the worst logits that the label can meet.

    Every other class gets all of its slack against the label `y`:

        loss = logsumexp_i(f_i + s_i) - f_y,      s_y = 0

    It bounds the cross-entropy at every point within the training radius.

    The value is NaN for a label that is no class.

    Args:
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"label_margin_crossentropy"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.LabelMarginCrossentropy()
    >>> logits, slack = [2.0, 1.0], [0.0, 0.5]
    >>> value = loss(np.array([0]), np.array([logits + slack]))
    >>> round(float(value), 4)
    0.4741

    Reference:
        - [Hu et al., Unlocking Deterministic Robustness Certification on
          ImageNet, NeurIPS 2023](https://arxiv.org/abs/2301.12549)
    """

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="label_margin_crossentropy",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def margin_loss(self, logits, slack, is_label):
        worst = logits + ops.where(is_label, 0.0, slack)
        return crossentropy(worst, is_label)
