from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._adjustable import Adjustable
from keras_lipschitz.losses._checks import check_share
from keras_lipschitz.losses._margin_terms import generalized_crossentropy
from keras_lipschitz.losses.margin_loss import MarginLoss


@register
class WorstCaseCrossentropy(MarginLoss):
    """Cross-entropy, mixed of the logits and of the worst that they can meet.

    With logits `f`, label `y` and slack `s` (`s_y = 0`),

        loss = kappa * CE(f, y) + (1 - kappa) * CE(f + s, y)

    With an `IntervalBound` this is training by interval bound propagation: a
    network learns with `kappa` falling from 1 and the radius rising from 0.
    `kappa` is a variable that `LossSchedule` moves. With `kappa=None` only the
    worst case counts, and a step leaves the gradient of the plain logits out.

    With `q > 0` each `CE = -log p` is the generalized `(1 - p^q) / q` instead,
    which is never above `1 / q`: what will not be certified anyway moves the
    weights less, at `q = 1` by the probability `p` that it still has. `q` is a
    variable too: training by it from the beginning is slow.

    The value is NaN for a label that is no class.

    Args:
        kappa: Number from 0 to 1, the share of the plain cross-entropy, or
            `None` for a loss that never has one. Defaults to `0.5`.
        q: Number from 0 to 1, how far the loss gives up on samples. Defaults to
            `0.0`, the cross-entropy.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"worst_case_crossentropy"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.WorstCaseCrossentropy(kappa=0.0)
    >>> logits, slack = [2.0, 1.0], [0.0, 0.5]
    >>> value = loss(np.array([0]), np.array([logits + slack]))
    >>> round(float(value), 4)
    0.4741

    Reference:
        - [Gowal et al., On the Effectiveness of Interval Bound Propagation for
          Training Verifiably Robust Models, 2018](
          https://arxiv.org/abs/1810.12715)
        - [Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep
          Neural Networks with Noisy Labels, 2018](
          https://arxiv.org/abs/1805.07836)
    """

    kappa = Adjustable(check_share)
    q = Adjustable(check_share)

    def __init__(
        self,
        kappa=0.5,
        q=0.0,
        reduction="sum_over_batch_size",
        name="worst_case_crossentropy",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.q = q
        self.worst_case_only = kappa is None
        if not self.worst_case_only:
            self.kappa = kappa

    def margin_loss(self, logits, slack, is_label):
        worst = logits + ops.where(is_label, 0.0, slack)
        worst = generalized_crossentropy(worst, is_label, self.q)
        if self.worst_case_only:
            return worst
        share = ops.cast(self.kappa, logits.dtype)
        clean = generalized_crossentropy(logits, is_label, self.q)
        return share * clean + (1.0 - share) * worst

    def get_config(self):
        return {"kappa": None, **super().get_config()}
