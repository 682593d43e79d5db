import math

import keras

from keras_lipschitz._numbers import is_amount
from keras_lipschitz.callbacks._shapes import SHAPES
from keras_lipschitz.callbacks._shapes import interpolate


class Schedule(keras.callbacks.Callback):
    """Moves a quantity along a curve while a model trains: base class.

    The value is a function of the progress of `fit` alone, from 0 in the first
    batch of the first epoch to 1 in the last batch of the last, and is set
    before every batch (with `steps_per_execution`, before every execution). A
    resumed run, with `initial_epoch`, goes on where the whole run would be.
    The value is written into `logs` under `log_name`: list the callback before
    those that write the logs elsewhere, such as `CSVLogger`.

    A subclass names the quantity in `log_name` and writes it in `assign`; it
    may check the model in `check_model`, which runs before training.

    Args:
        start: Number, the value until the progress is `begin_at`.
        end: Number, the value from the progress `reached_at` on, exactly.
        shape: How to go from one to the other: `"linear"`, `"logarithmic"`
            (fast, then slower), `"cosine"` (slow at both ends),
            `"exponential"` (by equal factors) or `"constant"` (`end` all the
            time). Defaults to `"linear"`.
        begin_at: Number, fraction of the run. Defaults to `0.0`.
        reached_at: Number, fraction of the run. Defaults to `1.0`.

    Example:

    ```python
    class Momentum(keras_lipschitz.callbacks.Schedule):
        log_name = "momentum"

        def assign(self, value):
            self.model.momentum.assign(value)
    ```
    """

    log_name = None
    # On JAX reading `self.model` brings the state of the trainer back into the
    # variables. `assign` needs that; the hook at the end of a batch must not
    # do it, for it runs in a thread beside the training.
    async_safe = True

    def __init__(
        self, start, end, shape="linear", begin_at=0.0, reached_at=1.0
    ):
        super().__init__()
        if shape not in SHAPES:
            raise ValueError(
                f"`shape` should be one of {SHAPES}. Received: shape={shape!r}"
            )
        if not (
            is_amount(begin_at)
            and is_amount(reached_at)
            and begin_at <= reached_at <= 1.0
        ):
            raise ValueError(
                "`begin_at` and `reached_at` should be fractions of the run, "
                "0 <= begin_at <= reached_at <= 1. Received: "
                f"begin_at={begin_at!r}, reached_at={reached_at!r}"
            )
        self.shape = shape
        self.begin_at = begin_at
        self.reached_at = reached_at
        self.start = self._check_value("start", start)
        self.end = self._check_value("end", end)

    def value_at(self, progress):
        """The value at a progress of the run, from 0 to 1."""
        if progress >= self.reached_at:
            t = 1.0
        elif progress <= self.begin_at:
            t = 0.0
        else:
            t = (progress - self.begin_at) / (self.reached_at - self.begin_at)
        return interpolate(self.start, self.end, t, self.shape)

    def assign(self, value):
        """Writes the value where the training step reads it."""
        raise NotImplementedError

    def check_model(self):
        """Raises a `ValueError` for a model that has no such quantity."""

    def on_train_begin(self, logs=None):
        self.check_model()
        self._value = None
        self._steps_per_execution = self.model.steps_per_execution
        steps = self.params.get("steps")
        self._executions = steps and math.ceil(
            steps / self._steps_per_execution
        )

    def on_epoch_begin(self, epoch, logs=None):
        last = epoch + 1 >= self.params["epochs"]
        if self._executions is None and last:
            raise ValueError(
                f"{type(self).__name__} cannot tell how far the only epoch is, "
                "because the data has no known length. Expected: "
                "`steps_per_epoch` in `fit`, or more epochs. Received: "
                f"steps_per_epoch=None, epochs={self.params['epochs']}"
            )
        self._epoch, self._ended = epoch, []

    def on_train_batch_begin(self, batch, logs=None):
        value = self._value_in(batch)
        if value != self._value:
            self.assign(value)
            self._value = value

    def on_train_batch_end(self, batch, logs=None):
        self._ended.append(batch)
        logs[self.log_name] = self._value_in(batch)

    def on_epoch_end(self, epoch, logs=None):
        if self._ended:
            logs[self.log_name] = self._value_in(max(self._ended))
        if self._executions is None:
            self._executions = len(self._ended)

    def _value_in(self, batch):
        """The value in a batch of the present epoch."""
        epochs = self.params["epochs"]
        if self._executions is None:
            # The first epoch over data of unknown length.
            return self.value_at(self._epoch / epochs)
        done = self._epoch * self._executions
        done += batch // self._steps_per_execution
        last = epochs * self._executions - 1
        return self.value_at(done / last if last > 0 else 1.0)

    def _check_value(self, name, value):
        if not is_amount(value):
            raise ValueError(
                f"`{name}` should be a finite number, zero or more. Received: "
                f"{name}={value!r}"
            )
        if self.shape == "exponential" and value == 0:
            raise ValueError(
                f"`{name}` should be positive where shape='exponential', which "
                f"goes by equal factors. Received: {name}={value!r}"
            )
        return float(value)
