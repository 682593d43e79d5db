import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.ops.labels import class_indices


@register
class VerifiedRobustAccuracy(keras.metrics.Mean):
    """Share of samples that are classified right, and provably so.

    A sample counts when the largest of the `classes + 1` outputs of a
    `GloroModel` is that of its label: the prediction is right and no
    perturbation of size `epsilon` changes it.

    Args:
        name: String. Defaults to `"vra"`.
        **kwargs: Base metric keyword arguments.
    """

    def __init__(self, name="vra", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = class_indices(y_true, y_pred.shape[-1] - 1)
        decision = ops.cast(ops.argmax(y_pred, axis=1), "int32")
        super().update_state(
            ops.cast(decision == labels, "float32"), sample_weight
        )
