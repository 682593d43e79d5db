import keras

from keras_lipschitz.models.batch_means import BatchMeans


class MeanShiftUpdate(keras.callbacks.Callback):
    """Measures the means of `MeanShift` layers anew before every evaluation.

    Training at a finite `p` leaves moving means that are not those of the
    network at `p = inf`, which is what validation and certificates look at.
    This callback measures them on the training data, before each validation
    (and before `evaluate`, given there) and after every epoch without one.

    Args:
        x: Inputs, as for `keras.Model.predict`, such as those of `fit`.
        batch_size: As for `keras.Model.predict`. Defaults to `None`.
        steps: Integer, how many batches to look at. Defaults to all.

    Example:

    ```python
    model.fit(x, y, epochs=50, validation_data=(x_val, y_val), callbacks=[
        keras_lipschitz.callbacks.PNormAnnealing(),
        keras_lipschitz.callbacks.MeanShiftUpdate(x, batch_size=512),
    ])
    ```

    Reference:
        - [Zhang et al., Rethinking Lipschitz Neural Networks and Certified
          Robustness: A Boolean Function Perspective, NeurIPS 2022](
          https://arxiv.org/abs/2210.01787)
    """

    def __init__(self, x, batch_size=None, steps=None):
        super().__init__()
        self.x, self.batch_size, self.steps = x, batch_size, steps
        self._means = None
        self._done = False

    def on_epoch_begin(self, epoch, logs=None):
        self._done = False

    def on_test_begin(self, logs=None):
        self._update()

    def on_epoch_end(self, epoch, logs=None):
        if not self._done:
            self._update()

    def _update(self):
        # Of a GloroModel, the network that it wraps.
        model = getattr(self.model, "base", self.model)
        if self._means is None or self._means.network is not model:
            self._means = BatchMeans(model)
        self._means.update(self.x, self.batch_size, self.steps)
        self._done = True
