from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._checks import check_share
from keras_lipschitz.losses._margin_terms import margins
from keras_lipschitz.losses.margin_loss import MarginLoss


@register
class MarginHinge(MarginLoss):
    """Hinge loss of what other classes can reach against the label.

    With `r_i = max(f_i + s_i - f_y, 0)` for the classes `i` but the label `y`,
    and `r_y = 0`,

        loss = mix * max_i r_i + (1 - mix) * mean_i r_i

    It is zero exactly where the label is certified. A net of l_inf distances,
    whose slack is twice the radius, learns with a training radius well above
    the one that is asked for.

    The value is NaN for a label that is no class.

    Args:
        mix: Number from 0 to 1, the share of the largest. Defaults to `1.0`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"margin_hinge"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.MarginHinge()
    >>> logits, slack = [2.0, 1.0], [0.0, 1.5]
    >>> float(loss(np.array([0]), np.array([logits + slack])))
    0.5

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, ICML 2021](
          https://arxiv.org/abs/2102.05363)
    """

    def __init__(
        self,
        mix=1.0,
        reduction="sum_over_batch_size",
        name="margin_hinge",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.mix = check_share("mix", mix)

    def margin_loss(self, logits, slack, is_label):
        reach = margins(logits, is_label) + slack
        reach = ops.where(is_label, 0.0, ops.relu(reach))
        largest, mean = ops.max(reach, axis=1), ops.mean(reach, axis=1)
        return self.mix * largest + (1.0 - self.mix) * mean

    def get_config(self):
        return {**super().get_config(), "mix": self.mix}
