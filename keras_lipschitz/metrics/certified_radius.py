import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.metrics._decisions import is_correct
from keras_lipschitz.metrics.radius_metric import RadiusMetric


@register
class CertifiedRadius(RadiusMetric, keras.metrics.Mean):
    """Mean radius within which the right prediction provably stays.

    The average certified radius of the literature: a sample that is classified
    wrong counts as zero, and so does a tie or a NaN. A radius that is infinite
    (nothing that the input does can change the prediction) is left out of the
    mean; where only such samples were seen the result is zero.

    For `metrics` of the `compile` of a `GloroModel`, which supplies the radius.

    Args:
        name: String. Defaults to `"certified_radius"`.
        **kwargs: Base metric keyword arguments.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)` with classes as integers, or
        one-hot `(batch, classes)`. `y_pred`: `(batch, classes + 1)`.
        `radius`: `(batch,)`.

    Example:

    ```python
    model.compile("adam", "gloro_crossentropy", metrics=["certified_radius"])
    model.evaluate(x, y, return_dict=True)["certified_radius"]
    ```

    Reference:
        - [Zhai et al., MACER: Attack-free and Scalable Robust Training via
          Maximizing Certified Radius, ICLR 2020](
          https://arxiv.org/abs/2001.02378)
    """

    def __init__(self, name="certified_radius", **kwargs):
        super().__init__(name=name, **kwargs)
        self._direction = "up"

    def update_state(self, y_true, y_pred, sample_weight=None, radius=None):
        radius = self.check_radius(radius)
        counts = is_correct(y_true, y_pred) & (radius > 0.0)
        known = ops.logical_not(counts & ops.isinf(radius))
        weight = ops.cast(known, self.dtype)
        if sample_weight is not None:
            weight = weight * ops.reshape(
                ops.cast(sample_weight, self.dtype), (-1,)
            )
        values = ops.where(counts & known, radius, 0.0)
        keras.metrics.Mean.update_state(self, values, weight)
