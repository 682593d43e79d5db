import keras
from keras import ops

from keras_lipschitz.losses._adjustable import number_of
from keras_lipschitz.ops.labels import class_indices


class MarginLoss(keras.losses.Loss):
    """A loss that knows how far each margin can move: base class.

    A `GloroModel` hands such a loss, instead of its outputs, the logits and
    their slack: how far each other class can grow against the label within the
    radius, as the model's margin bound says, whichever that is. A subclass
    computes a value per sample from the two in `margin_loss`.

    The value is NaN for a label that is no class.

    Args:
        reduction: As for `keras.losses.Loss`.
        name: String.
        **kwargs: Base loss keyword arguments.

    Attributes:
        slack_of: `"margins"`: the slack is that of `f_i - f_y` for the label
            `y`; `"logits"`: that of every logit `f_i` by itself.
        epsilon: The radius of the slack: a number, or `None` for the model's
            own, `training_epsilon` while it trains.
        worst_case_only: Whether only differences of `logits + slack` count.
            From a bound of margins themselves, such as `IntervalBound`, the
            loss then gets these in place of the logits, and slack of zero.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)` with classes as integers, or
        `(batch, classes)` one-hot. `y_pred`: `(batch, 2 * classes)`, the
        logits, then the slack.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    ```python
    @keras.saving.register_keras_serializable()
    class Hinge(keras_lipschitz.losses.MarginLoss):
        def margin_loss(self, logits, slack, is_label):
            label = keras.ops.sum(logits * is_label, axis=1, keepdims=True)
            reach = keras.ops.where(is_label, 0.0, logits + slack - label)
            return keras.ops.max(reach, axis=1)

    model.compile("adam", loss=Hinge())
    ```
    """

    needs_slack = True
    slack_of = "margins"
    epsilon = None
    worst_case_only = False

    def __init__(self, reduction="sum_over_batch_size", name=None, **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)
        # Variables by name: see `Adjustable`.
        self.numbers = {}

    @property
    def variables(self):
        """State that a compiled step must read anew each time."""
        return list(self.numbers.values())

    def call(self, y_true, y_pred):
        if len(y_pred.shape) != 2 or y_pred.shape[1] % 2:
            raise ValueError(
                f"{type(self).__name__} reads logits and their slack, which a "
                "GloroModel hands it. Expected y_pred of shape (batch, 2 * "
                f"classes). Received: shape {tuple(y_pred.shape)}. Compile a "
                "GloroModel with it."
            )
        logits, slack = ops.split(y_pred, 2, axis=1)
        classes = logits.shape[1]
        label = class_indices(y_true, classes)
        is_label = ops.arange(classes, dtype="int32") == label[:, None]
        values = self.margin_loss(logits, slack, is_label)
        return ops.where(label >= 0, values, float("nan"))

    def margin_loss(self, logits, slack, is_label):
        """The loss of every sample.

        Args:
            logits: Tensor `(batch, classes)`.
            slack: Tensor `(batch, classes)`; what it says of the label itself
                must not be used where it is that of margins.
            is_label: Boolean tensor `(batch, classes)`.

        Returns:
            Tensor `(batch,)`.
        """
        raise NotImplementedError

    def get_config(self):
        numbers = {name: number_of(v) for name, v in self.numbers.items()}
        return {**super().get_config(), **numbers}
