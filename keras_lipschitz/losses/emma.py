from keras_lipschitz._registration import register
from keras_lipschitz.losses._checks import check_share
from keras_lipschitz.losses._margin_terms import crossentropy
from keras_lipschitz.losses._margin_terms import emma_outputs
from keras_lipschitz.losses.margin_loss import MarginLoss


@register
class Emma(MarginLoss):
    """EMMA: every class gets only the radius that makes it tie.

    With margins `z_i = f_i - f_y` against the label `y` and their slack `s_i`
    at the training radius,

        t_i = clip(-z_i / s_i, floor, 1)        (held constant)
        loss = logsumexp_i(z_i + t_i s_i),      z_y = s_y = 0

    Cross-entropy over the bottom class pushes at the strongest rival alone.
    Here all classes are pushed at once: one that is beaten robustly counts with
    its full slack, one that is not with no more than its distance, so that the
    loss stays informative where the slack is still large.

    The value is NaN for a label that is no class.

    Args:
        floor: Number from 0 to 1, the smallest share of the slack. Defaults to
            `0.01`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"emma"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.Emma()
    >>> logits, slack = [2.0, 1.0], [0.0, 0.5]
    >>> value = loss(np.array([0]), np.array([logits + slack]))
    >>> round(float(value), 4)
    0.4741

    Reference:
        - [Hu et al., A Recipe for Improved Certifiable Robustness, ICLR 2024](
          https://arxiv.org/abs/2310.02513)
    """

    def __init__(
        self, floor=0.01, reduction="sum_over_batch_size", name="emma", **kwargs
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.floor = check_share("floor", floor)

    def margin_loss(self, logits, slack, is_label):
        outputs = emma_outputs(logits, slack, is_label, self.floor)
        return crossentropy(outputs, is_label)

    def get_config(self):
        return {**super().get_config(), "floor": self.floor}
