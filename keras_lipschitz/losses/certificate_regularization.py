from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._checks import check_amount
from keras_lipschitz.losses._margin_terms import SMALLEST_SLACK
from keras_lipschitz.losses._margin_terms import crossentropy
from keras_lipschitz.losses._margin_terms import margins
from keras_lipschitz.losses.margin_loss import MarginLoss


@register
class CertificateRegularization(MarginLoss):
    """Cross-entropy of the logits, less the certified radius.

    For margins `z_i = f_i - f_y` against the label `y`, which the model's bound
    lets grow by `c_i` for each unit of the radius,

        loss = crossentropy(f, y) - weight * max(min_i -z_i / c_i, 0)

    The radius is that of the present weights, whatever the radius that is
    trained for; where the sample is classified wrongly it is zero.

    The value is NaN for a label that is no class.

    Args:
        weight: Number, zero or more. Defaults to `0.1`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"certificate_regularization"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.CertificateRegularization(weight=1.0)
    >>> logits, rates = [2.0, 1.0], [0.0, 2.0]
    >>> value = loss(np.array([0]), np.array([logits + rates]))
    >>> round(float(value), 4)
    -0.1867

    Reference:
        - [Singla et al., Improved deterministic l2 robustness on CIFAR-10 and
          CIFAR-100, ICLR 2022](https://arxiv.org/abs/2108.04062)
    """

    # The slack at radius one: how fast the margins grow.
    epsilon = 1.0

    def __init__(
        self,
        weight=0.1,
        reduction="sum_over_batch_size",
        name="certificate_regularization",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.weight = check_amount("weight", weight)

    def margin_loss(self, logits, slack, is_label):
        rates = ops.maximum(slack, SMALLEST_SLACK)
        reached = -margins(logits, is_label) / rates
        radius = ops.min(ops.where(is_label, float("inf"), reached), axis=1)
        return crossentropy(logits, is_label) - self.weight * ops.relu(radius)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}
