import keras
from keras import ops

from keras_lipschitz.callbacks.schedule import Schedule


class LearningRateDecay(Schedule):
    """Keeps the learning rate, then lets it fall to an end value.

    By default it stays for the first half of the run and falls by equal
    factors in the second. Logged as `learning_rate`. Works with any Keras
    model.

    Args:
        end: Number, the learning rate of the last batch.
        start: Number, the learning rate at first. Defaults to that of the
            optimizer when `fit` begins; to resume a run, give it.
        shape: `"exponential"`, `"cosine"`, `"linear"`, `"logarithmic"` or
            `"constant"`. Defaults to `"exponential"`.
        begin_at: Number, the fraction of the run for which it stays. Defaults
            to `0.5`.

    Example:

    ```python
    model.compile(keras.optimizers.Adam(1e-3), loss="gloro_crossentropy")
    model.fit(x, y, epochs=20, callbacks=[
        keras_lipschitz.callbacks.LearningRateDecay(1e-6),
    ])
    ```
    """

    log_name = "learning_rate"

    def __init__(self, end, start=None, shape="exponential", begin_at=0.5):
        super().__init__(
            end if start is None else start,
            end,
            shape=shape,
            begin_at=begin_at,
        )
        self._start_given = start is not None

    def check_model(self):
        rate = self.model.optimizer.learning_rate
        if not isinstance(rate, keras.Variable):
            raise ValueError(
                "LearningRateDecay sets the learning rate of the optimizer. "
                "Expected an optimizer with a number as `learning_rate`. "
                "Received: one with a schedule of its own"
            )
        if not self._start_given:
            rate = float(ops.convert_to_numpy(rate))
            self.start = self._check_value("start", rate)

    def assign(self, value):
        self.model.optimizer.learning_rate = value
