"""Batches for `fit`: tf.data where TensorFlow is, else a PyDataset."""

import concurrent.futures
import math

import keras
import numpy as np

from keras_lipschitz.datasets.raw_data import scaled

# Batches made while a step runs.
_AHEAD = 4


def training_batches(
    x, y, batch_size, seed, augmentation=(), augmented_epochs=math.inf
):
    """Batches in a new order every epoch.

    The order, and what the augmentation does, depend on the seed and on the
    number of the epoch alone. The number counts up by itself; `batches.epoch`
    may set it (`DataSet.set_epoch`).

    Args:
        x: Array of samples; uint8 is scaled to `[0, 1]`.
        y: Integer array of labels.
        batch_size: Integer.
        seed: Integer.
        augmentation: Sequence of the steps in
            `keras_lipschitz.datasets.augmentation`.
        augmented_epochs: Number of the epoch from which on images are seen as
            they are.

    Returns:
        A `tf.data.Dataset`, or a `keras.utils.PyDataset` where TensorFlow is
        not installed.
    """
    made = (
        _tf_training_batches if tensorflow_is_installed() else ShuffledBatches
    )
    return made(x, y, batch_size, seed, augmentation, augmented_epochs)


def ordered_batches(x, y, batch_size):
    """Batches in the order of the arrays, the same every time."""
    if tensorflow_is_installed():
        import tensorflow as tf

        with tf.device("cpu"):
            samples = tf.data.Dataset.from_tensor_slices((scaled(x), y))
            return _prefetched(samples.batch(batch_size))
    return ShuffledBatches(x, y, batch_size, seed=None)


def tensorflow_is_installed():
    try:
        import tensorflow  # noqa: F401
    except ImportError:
        return False
    return True


def _tf_training_batches(
    x, y, batch_size, seed, augmentation, augmented_epochs
):
    import tensorflow as tf

    steps = math.ceil(len(x) / batch_size)
    scale = np.float32(1 / 255 if x.dtype == np.uint8 else 1)
    with tf.device("cpu"):
        # The whole set stays in memory, unscaled; batches are gathered.
        images, labels = tf.constant(x), tf.constant(y)
        epoch = tf.Variable(0, dtype="int64", trainable=False)

    def one_epoch(_):
        number = epoch.assign_add(1) - 1
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(x)), [seed, number]
        )
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return batches.enumerate(start=number * steps).map(
            one_batch, num_parallel_calls=_AHEAD
        )

    def one_batch(step, indices):
        batch = tf.cast(tf.gather(images, indices), "float32") * scale
        if augmentation:
            batch = tf.cond(
                tf.cast(step // steps, "float64") < augmented_epochs,
                lambda: changed(batch, step),
                lambda: batch,
            )
        return batch, tf.gather(labels, indices)

    def changed(batch, step):
        for i, change in enumerate(augmentation):
            batch = change(batch, [seed + 1 + i, step])
        return batch

    dataset = tf.data.Dataset.range(1).flat_map(one_epoch)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    dataset = _prefetched(dataset)
    dataset.epoch = epoch
    return dataset


def _prefetched(dataset):
    import tensorflow as tf

    # The thread that tunes a pipeline sleeps longer and longer, and the next
    # epoch waits for it to wake: half an epoch in the end.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(_AHEAD).with_options(options)


class ShuffledBatches(keras.utils.PyDataset):
    """Batches from arrays, without TensorFlow.

    While a batch is used, threads make those after it. (Those of Keras begin
    with an epoch before its number is known.)

    Args:
        x: Array of samples; uint8 is scaled to `[0, 1]`.
        y: Integer array of labels.
        batch_size: Integer.
        seed: Integer, or `None` to keep the order of the arrays.
        augmentation: As for `training_batches`.
        augmented_epochs: Likewise.
        **kwargs: As for `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        x,
        y,
        batch_size,
        seed,
        augmentation=(),
        augmented_epochs=math.inf,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.x, self.y = x, y
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.augmented_epochs = augmented_epochs
        self.epoch = 0
        self._order = None, None
        self._threads = concurrent.futures.ThreadPoolExecutor(_AHEAD)
        self._coming = {}

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        last = max(index, min(index + _AHEAD, len(self) - 1))
        wanted = [(self.epoch, i) for i in range(index, last + 1)]
        self._coming = {
            which: self._coming.get(which)
            or self._threads.submit(self._batch, *which)
            for which in wanted
        }
        return self._coming.pop(wanted[0]).result()

    def on_epoch_end(self):
        self.epoch += 1

    def _batch(self, epoch, index):
        some = slice(index * self.batch_size, (index + 1) * self.batch_size)
        if self.seed is not None:
            some = self._order_of(epoch)[some]
        batch = scaled(self.x[some])
        rng = np.random.default_rng([self.seed or 0, epoch, index])
        is_augmented = epoch < self.augmented_epochs
        for change in self.augmentation if is_augmented else ():
            batch = change.on_arrays(batch, rng).astype("float32")
        return batch, self.y[some]

    def _order_of(self, epoch):
        known, order = self._order
        if known != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            order = rng.permutation(len(self.x))
            self._order = epoch, order
        return order
