import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._adjustable import Adjustable
from keras_lipschitz.losses._adjustable import number_of
from keras_lipschitz.losses._checks import check_amount
from keras_lipschitz.losses._checks import check_positive
from keras_lipschitz.losses._margin_terms import SMALLEST_SLACK
from keras_lipschitz.losses._margin_terms import crossentropy
from keras_lipschitz.losses._margin_terms import margins
from keras_lipschitz.losses.margin_loss import MarginLoss


@register
class ClippedHinge(MarginLoss):
    """Cross-entropy of scaled logits, plus a hinge loss that gives up.

    With logits `f`, label `y`, slack `s` and a learned scale `c`,

        loss = weight * CE(c f, y)
               + max_i clip((f_i + s_i - f_y) / s_i, 0, 1)     over i != y

    The second term is near the share of samples that are not certified, and
    does not push where a sample is lost. It learns nothing from a network whose
    margins are far too small, as they are when training begins; there the
    cross-entropy does, whose weight `PNormAnnealing` lets fall as `p` rises.

    The scale is trained with the network; the certificate does not see it.
    The value is NaN for a label that is no class.

    Args:
        weight: Number, the weight of the cross-entropy. Defaults to `0.05`.
        scale: Number, the scale at first. Defaults to `1.0`.
        scale_rate: Number by which the scale learns more slowly than the
            network, with an optimizer such as Adam that takes steps of equal
            size. Defaults to `0.2`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"clipped_hinge"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.ClippedHinge(weight=0.0)
    >>> logits, slack = [2.0, 1.0], [0.0, 2.0]
    >>> float(loss(np.array([0]), np.array([logits + slack])))
    0.5

    Reference:
        - [Zhang et al., Boosting the Certified Robustness of L-infinity
          Distance Nets, ICLR 2022](https://arxiv.org/abs/2110.06850)
    """

    weight = Adjustable(check_amount)

    def __init__(
        self,
        weight=0.05,
        scale=1.0,
        scale_rate=0.2,
        reduction="sum_over_batch_size",
        name="clipped_hinge",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.weight = weight
        self.scale_rate = check_positive("scale_rate", scale_rate)
        # A step of the optimizer moves the scale by `scale_rate` of itself.
        self.numbers["scale"] = keras.Variable(
            check_positive("scale", scale) / self.scale_rate,
            dtype="float32",
            name="scale",
        )

    @property
    def scale(self):
        """The scale of the logits in the cross-entropy, a float."""
        return self.scale_rate * number_of(self.numbers["scale"])

    def margin_loss(self, logits, slack, is_label):
        scale = self.scale_rate * ops.cast(self.numbers["scale"], logits.dtype)
        weight = ops.cast(self.weight, logits.dtype)
        reach = margins(logits, is_label) + slack
        share = reach / ops.maximum(slack, SMALLEST_SLACK)
        share = ops.where(is_label, 0.0, ops.clip(share, 0.0, 1.0))
        hinge = ops.max(share, axis=1)
        return weight * crossentropy(scale * logits, is_label) + hinge

    def get_config(self):
        return {
            **super().get_config(),
            "scale": self.scale,
            "scale_rate": self.scale_rate,
        }
