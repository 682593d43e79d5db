from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._margin_terms import crossentropy
from keras_lipschitz.losses.margin_loss import MarginLoss


@register
class LipschitzMarginTraining(MarginLoss):
    """LMT: cross-entropy after every other class was raised alike.

    All classes but the label get the same addition, the largest slack that
    one of them has against the label `y`:

        loss = logsumexp(f_y, f_i + max_j s_j for i != y) - f_y

    The paper adds `sqrt(2) * epsilon * K` with the constant `K` of the whole
    network. The largest slack is never more than that.

    The value is NaN for a label that is no class.

    Args:
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"lipschitz_margin_training"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.LipschitzMarginTraining()
    >>> logits, slack = [2.0, 1.0], [0.0, 0.5]
    >>> value = loss(np.array([0]), np.array([logits + slack]))
    >>> round(float(value), 4)
    0.4741

    Reference:
        - [Tsuzuki et al., Lipschitz-Margin Training, NeurIPS 2018](
          https://arxiv.org/abs/1802.04034)
    """

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="lipschitz_margin_training",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def margin_loss(self, logits, slack, is_label):
        others = ops.where(is_label, 0.0, slack)
        largest = ops.max(others, axis=1, keepdims=True)
        worst = logits + ops.where(is_label, 0.0, largest)
        return crossentropy(worst, is_label)
