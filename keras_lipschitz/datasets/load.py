import math
import os

import numpy as np

from keras_lipschitz.datasets.archives import expected_files
from keras_lipschitz.datasets.archives import read_local
from keras_lipschitz.datasets.archives import read_npz
from keras_lipschitz.datasets.data_set import DataSet
from keras_lipschitz.datasets.folders import read_image_folder
from keras_lipschitz.datasets.folders import read_tiny_imagenet
from keras_lipschitz.datasets.raw_data import RawData

_PUBLISHED = ("mnist", "fashion_mnist", "cifar10", "cifar100")
NAMES = (
    *_PUBLISHED,
    "tiny_imagenet",
    "digits",
    "npz:PATH",
    "folder:PATH",
)


def load(
    name,
    validation=0.1,
    seed=0,
    batch_size=256,
    augmentation=(),
    data_dir=None,
    image_size=None,
    augmented_epochs=math.inf,
):
    """Loads a data set as batches to train, to choose and to report.

    MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 come from the files in
    `data_dir` where it is given, else from tensorflow-datasets, else (where
    that is not installed) from `~/.keras/datasets`. Files are `NAME.npz` with
    `x_train`, `y_train`, `x_test`, `y_test`, or the authors' archives (of CIFAR
    the binary version).

    Images become float32 in `[0, 1]`; other numbers stay as they are.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"cifar10"`, `"cifar100"`,
            `"tiny_imagenet"` (unpacked into `data_dir`), `"digits"` (inside
            scikit-learn), `"npz:PATH"`, or `"folder:PATH"` with images in
            `train/CLASS/` and `test/CLASS/`.
        validation: Integer, or a fraction below 1, of the training set to hold
            out, or `None` where nothing is left to choose. Defaults to `0.1`.
        seed: Integer, decides the split, the order of every epoch and the
            augmentation. Defaults to `0`.
        batch_size: Integer. Defaults to `256`.
        augmentation: Sequence of steps for training images, see
            `keras_lipschitz.datasets.augmentation`. Defaults to none.
        data_dir: Folder with local files. Defaults to `None`.
        image_size: `(height, width)` of the images of a folder.
        augmented_epochs: Number of the epoch, from 0, from which on training
            images are seen as they are: a network that hardly fits them gains
            by that at the end. Defaults to infinity, never.

    Returns:
        A `DataSet` with `train`, `validation` and `test`.

    Example:

    ```python
    data = keras_lipschitz.datasets.load("mnist", seed=0)
    model.fit(data.train, validation_data=data.validation, epochs=10)
    model.evaluate(data.test)
    ```
    """
    raw = _read(name, data_dir, image_size)
    return DataSet(
        name,
        raw,
        validation,
        seed,
        batch_size,
        augmentation,
        augmented_epochs,
    )


def _read(name, data_dir, image_size):
    kind, _, path = str(name).partition(":")
    if kind == "npz" and path:
        return read_npz(os.path.expanduser(path))
    if kind == "folder" and path:
        return read_image_folder(os.path.expanduser(path), image_size)
    if name == "digits":
        return _digits()
    if name == "tiny_imagenet":
        if data_dir is None:
            raise ValueError(
                "Tiny-ImageNet is read from its unpacked archive. Expected: "
                "data_dir=PATH of the folder tiny-imagenet-200. Received: "
                "data_dir=None"
            )
        return read_tiny_imagenet(os.path.expanduser(data_dir))
    if name not in _PUBLISHED:
        raise ValueError(
            f"`name` should be one of {', '.join(NAMES)}. Received: "
            f"name={name!r}"
        )
    if data_dir is not None:
        return _read_or_fail(name, os.path.expanduser(data_dir))
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        return _read_or_fail(name, os.path.expanduser("~/.keras/datasets"))
    return _read_tfds(tfds, name)


def _read_tfds(tfds, name):
    parts, info = tfds.load(
        name, split=["train", "test"], batch_size=-1, with_info=True
    )
    train, test = (tfds.as_numpy(part) for part in parts)
    return RawData(
        x_train=train["image"],
        y_train=train["label"],
        x_test=test["image"],
        y_test=test["label"],
        class_names=tuple(info.features["label"].names),
    )


def _read_or_fail(name, directory):
    raw = read_local(name, directory)
    if raw is None:
        raise ValueError(
            f"Expected {expected_files(name)} in {directory}, or "
            "tensorflow-datasets installed (`pip install "
            "keras-lipschitz[data,tensorflow]`) and no data_dir. Received: "
            "none of these files"
        )
    return raw


def _digits():
    from keras_lipschitz.datasets.scikit_learn import digits

    train, validation, test = digits()
    return RawData(
        x_train=np.concatenate([train[0], validation[0]]),
        y_train=np.concatenate([train[1], validation[1]]),
        x_test=test[0],
        y_test=test[1],
    )
