import math

import keras
import numpy as np

from keras_lipschitz._numbers import is_amount
from keras_lipschitz.datasets.pipelines import ordered_batches
from keras_lipschitz.datasets.pipelines import training_batches
from keras_lipschitz.datasets.raw_data import scaled


class DataSet:
    """Training, validation and test batches of one data set.

    The validation part is taken from the training set, at random by `seed`:
    choose by it, and look at the test part once. All samples are kept in
    memory.

    Args:
        name: String.
        raw: `RawData`.
        validation: Integer, or a fraction below 1, of the training set, or
            `None` to hold nothing out.
        seed: Integer, decides the split, the order and the augmentation.
        batch_size: Integer.
        augmentation: Sequence of the steps in
            `keras_lipschitz.datasets.augmentation`, for training alone.
        augmented_epochs: Number of the epoch, from 0, from which on there is
            none. Defaults to infinity.

    Attributes:
        train: Batches for `fit`, in a new order every epoch.
        validation: Batches in a fixed order; `None` where nothing is held out.
        test: Batches in a fixed order.
        input_shape: Shape of one sample.
        classes: Integer.
        class_names: Tuple of strings.
    """

    def __init__(
        self,
        name,
        raw,
        validation=0.1,
        seed=0,
        batch_size=256,
        augmentation=(),
        augmented_epochs=math.inf,
    ):
        _check_batch_size(batch_size)
        _check_augmented_epochs(augmented_epochs)
        self.name = name
        held_out = 0
        if validation is not None:
            held_out = _count(validation, len(raw.x_train))
        order = np.random.default_rng(seed).permutation(len(raw.x_train))
        self._parts = {
            "train": _take(raw, np.sort(order[held_out:])),
            "validation": _take(raw, np.sort(order[:held_out])),
            "test": (raw.x_test, raw.y_test),
        }
        self.input_shape = raw.x_train.shape[1:]
        self.class_names = raw.class_names
        self.classes = len(raw.class_names)
        self.train = training_batches(
            *self._parts["train"],
            batch_size,
            seed,
            tuple(augmentation),
            augmented_epochs,
        )
        self.validation = None
        if held_out:
            self.validation = ordered_batches(
                *self._parts["validation"], batch_size
            )
        self.test = ordered_batches(*self._parts["test"], batch_size)

    def arrays(self, part):
        """All of one part: float32 samples and integer labels.

        Args:
            part: `"train"`, `"validation"` or `"test"`.
        """
        if part not in self._parts:
            raise ValueError(
                f"`part` should be one of {list(self._parts)}. Received: "
                f"part={part!r}"
            )
        x, y = self._parts[part]
        return scaled(x), y

    def size(self, part):
        """The number of samples in one part."""
        return len(self._parts[part][1])

    def set_epoch(self, epoch):
        """Makes the next pass over `train` that of a given epoch.

        Args:
            epoch: Integer, from 0.
        """
        if hasattr(self.train.epoch, "assign"):
            self.train.epoch.assign(epoch)
        else:
            self.train.epoch = epoch


class EpochOrder(keras.callbacks.Callback):
    """Keeps the order of the samples that of the epoch's number.

    A run that was interrupted and goes on with a later `initial_epoch` then
    sees the batches that the whole run would have seen.

    Args:
        data: `DataSet` whose `train` is fitted.
    """

    async_safe = True

    def __init__(self, data):
        super().__init__()
        self.data = data

    def on_epoch_begin(self, epoch, logs=None):
        self.data.set_epoch(epoch)


def _take(raw, indices):
    return raw.x_train[indices], raw.y_train[indices]


def _count(validation, samples):
    count = validation
    if isinstance(validation, float) and 0 <= validation < 1:
        count = round(validation * samples)
    if (
        isinstance(count, bool)
        or not isinstance(count, (int, np.integer))
        or not 0 < count < samples
    ):
        raise ValueError(
            "`validation` should be a fraction between 0 and 1, a number of "
            f"samples between 1 and {samples - 1}, or None. Received: "
            f"validation={validation!r}"
        )
    return int(count)


def _check_batch_size(batch_size):
    if (
        isinstance(batch_size, bool)
        or not isinstance(batch_size, (int, np.integer))
        or batch_size < 1
    ):
        raise ValueError(
            "`batch_size` should be a positive integer. Received: "
            f"batch_size={batch_size!r}"
        )


def _check_augmented_epochs(augmented_epochs):
    never_ends = isinstance(augmented_epochs, float) and (
        augmented_epochs == math.inf
    )
    if not (never_ends or is_amount(augmented_epochs)):
        raise ValueError(
            "`augmented_epochs` should be a number of epochs, at least 0. "
            f"Received: augmented_epochs={augmented_epochs!r}"
        )
