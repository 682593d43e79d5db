import keras
from keras import ops

from keras_lipschitz.ops.labels import class_indices


class LogitLoss(keras.losses.Loss):
    """A loss of the logits alone: base class.

    For networks that are 1-Lipschitz by construction, where a margin between
    logits is a radius, up to a factor. A subclass computes a value per sample
    in `logit_loss`.

    The value is NaN for a label that is no class.

    Args:
        bottom: Whether the last column of `y_pred` is a bottom logit, as it is
            in a `GloroModel`, and is to be left out. Defaults to `True`.
        reduction: As for `keras.losses.Loss`.
        name: String.
        **kwargs: Base loss keyword arguments.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)` with classes as integers, or
        `(batch, classes)` one-hot. `y_pred`: `(batch, classes + 1)`, without
        the bottom `(batch, classes)`.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    ```python
    @keras.saving.register_keras_serializable()
    class Likelihood(keras_lipschitz.losses.LogitLoss):
        def logit_loss(self, logits, is_label):
            chosen = keras.ops.where(is_label, logits, 0.0)
            return -keras.ops.sum(chosen, axis=1)

    model.compile("adam", loss=Likelihood())
    ```
    """

    def __init__(
        self,
        bottom=True,
        reduction="sum_over_batch_size",
        name=None,
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.bottom = bool(bottom)

    def call(self, y_true, y_pred):
        logits = y_pred[:, :-1] if self.bottom else y_pred
        classes = logits.shape[1]
        label = class_indices(y_true, classes)
        is_label = ops.arange(classes, dtype="int32") == label[:, None]
        values = self.logit_loss(logits, is_label)
        return ops.where(label >= 0, values, float("nan"))

    def logit_loss(self, logits, is_label):
        """The loss of every sample.

        Args:
            logits: Tensor `(batch, classes)`.
            is_label: Boolean tensor `(batch, classes)`.

        Returns:
            Tensor `(batch,)`.
        """
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), "bottom": self.bottom}
