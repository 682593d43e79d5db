import math

from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._checks import check_positive
from keras_lipschitz.losses._checks import check_share
from keras_lipschitz.losses._margin_terms import of_label
from keras_lipschitz.losses.logit_loss import LogitLoss

RIVALS = ("mean", "soft", "lse")


@register
class HKR(LogitLoss):
    """Hinge-regularized Kantorovich-Rubinstein loss, for several classes.

    A network of constant one that maximizes the difference between its mean
    outputs on two distributions finds their Wasserstein distance. With the
    label's logit `f_y` on one side and those of its rivals on the other,

        loss = (1 - alpha) * (R(f) - f_y)
               + alpha * (max(m / 2 - f_y, 0) + R(max(m / 2 + f, 0)))

    where `R` sums up the rivals `i != y`:

        rivals="mean":  their mean, the classes one against the rest
        rivals="soft":  with the weights softmax(temperature * f), held
                        constant: the strongest count most
        rivals="lse":   logsumexp(t * f) / t, between the largest and
                        `penalty * m / 2` above it; `f` is multiplied by the
                        temperature first

    With `alpha=0` it is the Kantorovich-Rubinstein loss, with `alpha=1` a
    hinge loss. All is per sample, so no statistic of the batch is needed.

    The value is NaN for a label that is no class.

    Args:
        alpha: Number from 0 to 1. Defaults to `0.9`.
        margin: Number above zero, `m`. Defaults to `1.0`.
        rivals: `"mean"`, `"soft"` or `"lse"`. Defaults to `"soft"`.
        temperature: Number above zero, unused for `"mean"`. Defaults to `1.0`.
        penalty: Number above zero, for `"lse"`. Defaults to `1.0`.
        bottom: Whether the last column of `y_pred` is a bottom logit, as it is
            in a `GloroModel`. Defaults to `True`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"hkr"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `LogitLoss`: labels, and logits with or without the bottom.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.HKR(alpha=0.5, bottom=False)
    >>> value = loss(np.array([0]), np.array([[2.0, 1.0, 1.0]]))
    >>> round(float(value), 4)
    0.25

    Reference:
        - [Serrurier et al., Achieving robustness in classification using
          optimal transport with hinge regularization, CVPR 2021](
          https://arxiv.org/abs/2006.06520)
        - [Serrurier et al., On the explainable properties of 1-Lipschitz
          Neural Networks, NeurIPS 2023](https://arxiv.org/abs/2206.06854)
    """

    def __init__(
        self,
        alpha=0.9,
        margin=1.0,
        rivals="soft",
        temperature=1.0,
        penalty=1.0,
        bottom=True,
        reduction="sum_over_batch_size",
        name="hkr",
        **kwargs,
    ):
        super().__init__(bottom, reduction=reduction, name=name, **kwargs)
        if rivals not in RIVALS:
            raise ValueError(
                f"`rivals` should be one of {RIVALS}. Received: "
                f"rivals={rivals!r}"
            )
        self.alpha = check_share("alpha", alpha)
        self.margin = check_positive("margin", margin)
        self.rivals = rivals
        self.temperature = check_positive("temperature", temperature)
        self.penalty = check_positive("penalty", penalty)

    def logit_loss(self, logits, is_label):
        half = self.margin / 2.0
        if self.rivals == "lse":
            logits = self.temperature * logits
            rival = self._soft_maximum(logits, is_label)
            hinge = ops.relu(half + rival)
        else:
            weights = self._weights(logits, is_label)
            rival = ops.sum(weights * logits, axis=1)
            hinge = ops.sum(weights * ops.relu(half + logits), axis=1)
        label = of_label(logits, is_label)[:, 0]
        hinge = hinge + ops.relu(half - label)
        return (1.0 - self.alpha) * (rival - label) + self.alpha * hinge

    def _weights(self, logits, is_label):
        if self.rivals == "mean":
            weights = 1.0 / (logits.shape[1] - 1)
            return ops.where(is_label, 0.0, weights)
        masked = ops.where(is_label, -float("inf"), self.temperature * logits)
        return ops.stop_gradient(ops.softmax(masked, axis=1))

    def _soft_maximum(self, logits, is_label):
        count = logits.shape[1] - 1
        # With one rival there is nothing to choose.
        t = max(2.0 * math.log(count) / (self.margin * self.penalty), 1e-3)
        largest = ops.max(
            ops.where(is_label, -float("inf"), logits), axis=1, keepdims=True
        )
        largest = ops.stop_gradient(largest)
        below = ops.where(is_label, 0.0, t * (logits - largest))
        shares = ops.where(is_label, 0.0, ops.exp(below))
        return ops.log(ops.sum(shares, axis=1)) / t + largest[:, 0]

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "margin": self.margin,
            "rivals": self.rivals,
            "temperature": self.temperature,
            "penalty": self.penalty,
        }
