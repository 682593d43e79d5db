from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._checks import check_amount
from keras_lipschitz.losses._checks import check_positive
from keras_lipschitz.losses._checks import check_share
from keras_lipschitz.losses._margin_terms import crossentropy
from keras_lipschitz.losses._margin_terms import emma_outputs
from keras_lipschitz.losses.margin_loss import MarginLoss


@register
class LogitAnnealing(MarginLoss):
    """Logit annealing: a margin is asked for, and no more once it is there.

    On the outputs `u` of `Emma`, with an offset of the label and a
    temperature `T`, the cross-entropy is damped where the label already wins:

        p = softmax((u - offset * onehot(y)) / T)_y
        loss = -T (1 - p)^power log(p)

    A network with a Lipschitz constant has a limited budget of margins; this
    loss spends it on many samples rather than on few large margins.

    The value is NaN for a label that is no class.

    Args:
        offset: Number, the margin asked for. Defaults to `2.0`.
        temperature: Number. Defaults to `0.75`.
        power: Number, one or more: how fast the loss fades. Defaults to
            `5.0`.
        floor: Number from 0 to 1, as for `Emma`. Defaults to `0.01`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"logit_annealing"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.LogitAnnealing()
    >>> logits, slack = [2.0, 1.0], [0.0, 0.5]
    >>> value = loss(np.array([0]), np.array([logits + slack]))
    >>> round(float(value), 4)
    0.8943

    Reference:
        - [Lai et al., Enhancing Certified Robustness via Block Reflector
          Orthogonal Layers and Logit Annealing Loss, ICML 2025](
          https://arxiv.org/abs/2505.15174)
    """

    def __init__(
        self,
        offset=2.0,
        temperature=0.75,
        power=5.0,
        floor=0.01,
        reduction="sum_over_batch_size",
        name="logit_annealing",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.offset = check_amount("offset", offset)
        self.temperature = check_positive("temperature", temperature)
        self.power = check_amount("power", power)
        if self.power < 1.0:
            raise ValueError(
                "`power` should be a number, one or more. Received: "
                f"power={power!r}"
            )
        self.floor = check_share("floor", floor)

    def margin_loss(self, logits, slack, is_label):
        outputs = emma_outputs(logits, slack, is_label, self.floor)
        outputs = outputs - ops.where(is_label, self.offset, 0.0)
        surprise = crossentropy(outputs / self.temperature, is_label)
        doubt = -ops.expm1(-surprise)
        return self.temperature * ops.power(doubt, self.power) * surprise

    def get_config(self):
        return {
            **super().get_config(),
            "offset": self.offset,
            "temperature": self.temperature,
            "power": self.power,
            "floor": self.floor,
        }
