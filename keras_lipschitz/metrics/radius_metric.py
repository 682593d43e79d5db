import keras
from keras import ops


class RadiusMetric(keras.metrics.Metric):
    """A metric of the certified radius, beside labels and outputs: base class.

    `GloroModel` hands the radius of every sample to `update_state`, which
    therefore takes `radius` beside `y_true`, `y_pred` and `sample_weight`.

    Attributes:
        needs_radius: Whether it does; one that does not is left to Keras.
        compared_with: The radii that it compares the certified one with, or
            `None` where it needs to know that itself.
    """

    needs_radius = True
    compared_with = None

    def update_state(self, y_true, y_pred, sample_weight=None, radius=None):
        raise NotImplementedError

    def check_radius(self, radius):
        """The radius as a tensor, or a `ValueError` where there is none."""
        if radius is None:
            raise ValueError(
                f"The metric {self.name!r} needs the certified radius of every "
                "sample, which GloroModel supplies to what is in `metrics` of "
                "its `compile`. Expected: `radius` in `update_state`. "
                "Received: none"
            )
        return ops.convert_to_tensor(radius, dtype=self.dtype)
