import keras
from keras import ops

from keras_lipschitz._numbers import is_amount
from keras_lipschitz._registration import register
from keras_lipschitz.losses._terms import crossentropy
from keras_lipschitz.losses._terms import entropy
from keras_lipschitz.losses._terms import log_partition
from keras_lipschitz.losses._terms import rejection
from keras_lipschitz.losses._terms import split_outputs
from keras_lipschitz.ops.labels import class_probabilities

FORMS = ("kl", "ce")


@register
class GloroTrades(keras.losses.Loss):
    """Cross-entropy of the logits, plus a weight times a robustness term.

    The weight trades clean accuracy for robustness. For outputs
    `[f, bottom]` of a `GloroModel`, `p = softmax(f)` and label `y`,

        logsumexp(f) - f_y + weight * R

    where `R` compares `(p, 0)` with `q = softmax([f, bottom])`:

        form="kl":  KL((p, 0) || q) = softplus(bottom - logsumexp(f))
        form="ce":  CE((p, 0), q) = KL((p, 0) || q) + entropy(p)

    Neither depends on the label. The second also asks for confidence.

    The weight is a variable, which `TradesSchedule` moves during training.
    The value is NaN for a label that is no class, and infinite where the
    bottom logit is.

    Args:
        weight: Number, zero or more, the weight of the robustness term.
            Defaults to `1.0`.
        form: `"kl"` or `"ce"`. Defaults to `"kl"`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"gloro_trades"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)` with classes as integers, or
        `(batch, classes)` with probabilities. `y_pred`:
        `(batch, classes + 1)`.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> import numpy as np
    >>> loss = keras_lipschitz.losses.GloroTrades(weight=2.0)
    >>> value = loss(np.array([0]), np.array([[2.0, 1.0, 1.5]]))
    >>> round(float(value), 4)
    1.0473

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
        - [Zhang et al., Theoretically Principled Trade-off between Robustness
          and Accuracy, ICML 2019](https://arxiv.org/abs/1901.08573)
    """

    def __init__(
        self,
        weight=1.0,
        form="kl",
        reduction="sum_over_batch_size",
        name="gloro_trades",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        if form not in FORMS:
            raise ValueError(
                f"`form` should be one of {FORMS}. Received: form={form!r}"
            )
        self.form = form
        self._weight = keras.Variable(
            _check_weight(weight),
            trainable=False,
            dtype="float32",
            name="trades_weight",
        )

    @property
    def weight(self):
        """The weight of the robustness term, a scalar variable; may be set."""
        return self._weight

    @weight.setter
    def weight(self, value):
        self._weight.assign(_check_weight(value))

    @property
    def variables(self):
        """State that a compiled step must read anew each time."""
        return [self._weight]

    def call(self, y_true, y_pred):
        logits, bottom = split_outputs(y_pred)
        probabilities = class_probabilities(y_true, logits.shape[1])
        partition = log_partition(logits)
        robustness = rejection(bottom, partition)
        if self.form == "ce":
            robustness = robustness + entropy(logits, partition)
        clean = crossentropy(probabilities, logits, partition)
        return clean + ops.cast(self._weight, clean.dtype) * robustness

    def get_config(self):
        return {
            **super().get_config(),
            "weight": float(ops.convert_to_numpy(self._weight)),
            "form": self.form,
        }


def _check_weight(value):
    if not is_amount(value):
        raise ValueError(
            "`weight` should be a finite number, zero or more. Received: "
            f"weight={value!r}"
        )
    return float(value)
