from keras import ops

from keras_lipschitz._numbers import is_amount
from keras_lipschitz._registration import register
from keras_lipschitz.metrics._decisions import is_correct
from keras_lipschitz.metrics._decisions import is_verified
from keras_lipschitz.metrics.radius_metric import RadiusMetric


@register
class VerifiedRobustAccuracy(RadiusMetric):
    """Share of samples that are classified right, and provably so.

    Without `epsilon`, at the radius of the `GloroModel`: a sample counts when
    its label has the largest of the `classes + 1` outputs, so that the
    prediction is right and no perturbation of that size changes it. With one
    radius or more, in one pass: a sample counts for each that its certified
    radius exceeds, and the result has one entry each, `"vra_0.1"` for
    `epsilon=0.1`.

    All comparisons are strict: a tie is not verified, and neither is a sample
    with a logit that is not finite.

    Args:
        epsilon: `None`, or a number, or a list of numbers, the radii in units
            of the model's input. Defaults to `None`.
        name: String, also the prefix of the entries. Defaults to `"vra"`.
        **kwargs: Base metric keyword arguments.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)` with classes as integers, or
        one-hot `(batch, classes)`. `y_pred`: `(batch, classes + 1)`.
        `radius`: `(batch,)`, only for given radii.

    Example:

    >>> import numpy as np
    >>> metric = keras_lipschitz.metrics.VerifiedRobustAccuracy()
    >>> y_pred = np.array([[2.0, 1.0, 1.5], [2.0, 1.0, 3.0]])
    >>> metric.update_state(np.array([0, 0]), y_pred)
    >>> float(metric.result())
    0.5

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    def __init__(self, epsilon=None, name="vra", **kwargs):
        super().__init__(name=name, **kwargs)
        self._direction = "up"
        self.epsilon = None if epsilon is None else _check_radii(epsilon)
        self.needs_radius = self.epsilon is not None
        self.compared_with = self.epsilon
        self.verified = self.add_variable(
            shape=(len(self.epsilon) if self.needs_radius else 1,),
            initializer="zeros",
            name="verified",
        )
        self.count = self.add_variable(
            shape=(), initializer="zeros", name="count"
        )

    def update_state(self, y_true, y_pred, sample_weight=None, radius=None):
        if self.needs_radius:
            radius = self.check_radius(radius)
            correct = is_correct(y_true, y_pred)
            epsilon = ops.convert_to_tensor(self.epsilon, dtype=self.dtype)
            verified = correct[:, None] & (radius[:, None] > epsilon)
        else:
            verified = is_verified(y_true, y_pred)[:, None]
        values = ops.cast(verified, self.dtype)
        if sample_weight is None:
            weight = ops.ones_like(values[:, 0])
        else:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        self.verified.assign_add(ops.sum(values * weight[:, None], axis=0))
        self.count.assign_add(ops.sum(weight))

    def result(self):
        shares = ops.divide_no_nan(self.verified.value, self.count.value)
        if not self.needs_radius:
            return shares[0]
        names = [f"{self.name}_{epsilon:g}" for epsilon in self.epsilon]
        return {name: shares[i] for i, name in enumerate(names)}

    def get_config(self):
        epsilon = list(self.epsilon) if self.needs_radius else None
        return {**super().get_config(), "epsilon": epsilon}


def _check_radii(epsilon):
    radii = epsilon if isinstance(epsilon, (list, tuple)) else [epsilon]
    if (
        not radii
        or not all(is_amount(radius) for radius in radii)
        or len({f"{radius:g}" for radius in radii}) < len(radii)
    ):
        raise ValueError(
            "`epsilon` should be None, or a finite number, zero or more, or a "
            "list of such numbers that differ in their first six digits. "
            f"Received: epsilon={epsilon!r}"
        )
    return tuple(float(radius) for radius in radii)
