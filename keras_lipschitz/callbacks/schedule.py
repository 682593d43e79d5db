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
    # The batch hooks read no variable, so JAX need not wait for each step.
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
        span = self.reached_at - self.begin_at
        past = progress - self.begin_at
        if progress >= self.reached_at:
            t = 1.0
        else:
            t = past / span
        return interpolate(self.start, self.end, t, self.shape)

    def assign(self, value):
        """Writes the value where the training step reads it."""
        raise NotImplementedError

    def check_model(self):
        """Raises a `ValueError` for a model that has no such quantity."""

    def on_train_begin(self, logs=None):
        self.check_model()
        self._value = None
        self._executions = self._known_executions()

    def on_epoch_begin(self, epoch, logs=None):
        last = epoch + 1 >= self.params["epochs"]
        if self._executions is None and last:
            raise ValueError(
                f"{type(self).__name__} cannot tell how far the only epoch is, "
                "because the data has no known length. Expected: "
                "`steps_per_epoch` in `fit`, or more epochs. Received: "
                f"steps_per_epoch=None, epochs={self.params['epochs']}"
            )
        self._epoch = epoch
        self._executed = 0

    def on_train_batch_begin(self, batch, logs=None):
        value = self.value_at(self._progress())
        self._executed += 1
        if value != self._value:
            if hasattr(self.model, "jax_state_sync"):
                # During an epoch the JAX trainer keeps the state to itself;
                # after a sync it reads the variables again.
                self.model.jax_state_sync()
            self.assign(value)
            self._value = value

    def on_train_batch_end(self, batch, logs=None):
        self._log(logs)

    def on_epoch_end(self, epoch, logs=None):
        if self._executions is None:
            self._executions = self._executed
        self._log(logs)

    def _progress(self):
        if self._executions is None:
            # The first epoch over data of unknown length.
            return self._epoch / self.params["epochs"]
        done = self._epoch * self._executions + self._executed
        last = self.params["epochs"] * self._executions - 1
        return done / last if last > 0 else 1.0

    def _known_executions(self):
        steps = self.params.get("steps")
        if steps is None:
            return None
        return math.ceil(steps / self.model.steps_per_execution)

    def _log(self, logs):
        if logs is not None and self._value is not None:
            logs[self.log_name] = self._value

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
