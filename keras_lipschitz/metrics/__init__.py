"""Real Keras metrics of robustness."""

from keras_lipschitz.metrics.certified_radius import CertifiedRadius
from keras_lipschitz.metrics.clean_accuracy import CleanAccuracy
from keras_lipschitz.metrics.radius_metric import RadiusMetric
from keras_lipschitz.metrics.rejection_rate import RejectionRate
from keras_lipschitz.metrics.verified_robust_accuracy import (
    VerifiedRobustAccuracy,
)

_NAMES = {
    "vra": VerifiedRobustAccuracy,
    "clean_accuracy": CleanAccuracy,
    "rejection_rate": RejectionRate,
    "certified_radius": CertifiedRadius,
}


def get(identifier):
    """A metric from its name; what is not ours is left to Keras.

    Args:
        identifier: `"vra"`, `"clean_accuracy"`, `"rejection_rate"`,
            `"certified_radius"`, or anything that `keras.Model.compile` takes.

    Returns:
        A metric, or `identifier` itself.
    """
    if isinstance(identifier, str) and identifier in _NAMES:
        return _NAMES[identifier]()
    return identifier
