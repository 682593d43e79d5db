import keras


class RadiusMetric(keras.metrics.Metric):
    """A metric of the certified radius, beside labels and outputs: base class.

    `GloroModel` hands the radius of every sample to `update_state`, which
    therefore takes `radius` beside `y_true`, `y_pred` and `sample_weight`.
    """

    def update_state(self, y_true, y_pred, sample_weight=None, radius=None):
        raise NotImplementedError
