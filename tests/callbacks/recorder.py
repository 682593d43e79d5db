import keras
import numpy as np
from keras import ops

import keras_lipschitz as kl


class Recorder(keras.callbacks.Callback):
    """Keeps the logs of every batch, and what `read` says before it.

    Listed after a schedule, it sees what the schedule has set.
    """

    async_safe = False

    def __init__(self, read=None):
        super().__init__()
        self.read = read
        self.seen, self.batch_logs = [], []

    def on_train_batch_begin(self, batch, logs=None):
        if self.read is not None:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            value = self.read(self.model)
            self.seen.append(float(ops.convert_to_numpy(value)))

    def on_train_batch_end(self, batch, logs=None):
        self.batch_logs.append(dict(logs))

    def losses(self, batches_per_epoch):
        """The loss of every batch, from the running mean in the logs."""
        values = []
        for i, logs in enumerate(self.batch_logs):
            n = i % batches_per_epoch
            before = self.batch_logs[i - 1]["loss"] * n if n else 0.0
            values.append((n + 1) * logs["loss"] - before)
        return values


def linear_model(epsilon=0.5):
    """An orthogonal layer and a head: the power method is exact at once."""
    base = keras.Sequential(
        [
            keras.Input((4,)),
            kl.layers.LipschitzDense(4, use_bias=False),
            keras.layers.Dense(3, use_bias=False),
        ]
    )
    random = np.random.default_rng(0)
    base.layers[0].kernel.assign(np.linalg.qr(random.normal(size=(4, 4)))[0])
    base.layers[1].kernel.assign(random.normal(size=(4, 3)))
    return kl.GloroModel(base, epsilon=epsilon)


def data(samples=16):
    random = np.random.default_rng(1)
    x = 3 * random.normal(size=(samples, 4)).astype("float32")
    return x, random.integers(0, 3, samples)


def slow_loss(model, x, y, epsilon, weight=1.0):
    """GloroTrades of `linear_model` at a radius, by hand; the mean over x."""
    first = ops.convert_to_numpy(model.base.layers[0].kernel)
    last = ops.convert_to_numpy(model.base.layers[1].kernel)
    total = 0.0
    for f, label in zip((x @ first @ last).astype("float64"), y, strict=True):
        j = int(np.argmax(f))
        bottom = max(
            f[i] + epsilon * np.linalg.norm(last[:, i] - last[:, j])
            for i in range(3)
            if i != j
        )
        partition = np.log(np.sum(np.exp(f)))
        total += partition - f[label]
        total += weight * np.log1p(np.exp(bottom - partition))
    return total / len(y)
