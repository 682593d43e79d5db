from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._checks import check_positive
from keras_lipschitz.losses._margin_terms import margins
from keras_lipschitz.losses.logit_loss import LogitLoss


@register
class MultiMargin(LogitLoss):
    """Hinge loss of the margins to all other classes.

    For logits `f` and label `y` of `n` classes,

        loss = sum_{i != y} max(margin - (f_y - f_i), 0) / n

    The value is NaN for a label that is no class.

    Args:
        margin: Number above zero. Defaults to `0.7`, what convex potential
            layers were trained with.
        bottom: Whether the last column of `y_pred` is a bottom logit, as it is
            in a `GloroModel`. Defaults to `True`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"multi_margin"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `LogitLoss`: labels, and logits with or without the bottom.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.MultiMargin(margin=2.0, bottom=False)
    >>> float(loss(np.array([0]), np.array([[2.0, 1.0]])))
    0.5

    Reference:
        - [Meunier et al., A Dynamical System Perspective for Lipschitz Neural
          Networks, ICML 2022](https://arxiv.org/abs/2110.12690)
    """

    def __init__(
        self,
        margin=0.7,
        bottom=True,
        reduction="sum_over_batch_size",
        name="multi_margin",
        **kwargs,
    ):
        super().__init__(bottom, reduction=reduction, name=name, **kwargs)
        self.margin = check_positive("margin", margin)

    def logit_loss(self, logits, is_label):
        missing = ops.relu(self.margin + margins(logits, is_label))
        return ops.mean(ops.where(is_label, 0.0, missing), axis=1)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
