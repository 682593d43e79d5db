"""Data sets from folders of image files."""

import os

import keras
import numpy as np

from keras_lipschitz.datasets.raw_data import RawData

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def read_image_folder(path, image_size=None):
    """A data set from `PATH/train/CLASS/*` and `PATH/test/CLASS/*`.

    Args:
        path: The folder. The classes are the subfolders of `train`, sorted.
        image_size: `(height, width)` to which images are resized. Defaults to
            the size of the first one.
    """
    class_names = _subfolders(os.path.join(path, "train"))
    arrays = {}
    for part in ("train", "test"):
        folder = os.path.join(path, part)
        unknown = set(_subfolders(folder)) - set(class_names)
        if unknown:
            raise ValueError(
                "Expected the classes of the test set among those of the "
                f"training set. Received: {sorted(unknown)} in {folder}"
            )
        files, labels = [], []
        for label, name in enumerate(class_names):
            images = _images(os.path.join(folder, name))
            files += images
            labels += [label] * len(images)
        if image_size is None and files:
            image_size = keras.utils.load_img(files[0]).size[::-1]
        arrays[f"x_{part}"] = _load(files, image_size, folder)
        arrays[f"y_{part}"] = np.array(labels, "int32")
    return RawData(**arrays, class_names=tuple(class_names))


def read_tiny_imagenet(path):
    """Tiny-ImageNet from the folder that its archive unpacks to.

    Its own test set has no labels, so the 10,000 images of `val` are the test
    set, as in the literature. The classes are in the order of `wnids.txt`.

    Args:
        path: The folder `tiny-imagenet-200`.
    """
    wnids = [line.strip() for line in _lines(os.path.join(path, "wnids.txt"))]
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    train, train_labels = [], []
    for wnid in wnids:
        images = _images(os.path.join(path, "train", wnid, "images"))
        train += images
        train_labels += [label_of[wnid]] * len(images)
    val = os.path.join(path, "val")
    rows = [
        line.split("\t")
        for line in _lines(os.path.join(val, "val_annotations.txt"))
    ]
    test = [os.path.join(val, "images", row[0]) for row in rows]
    return RawData(
        x_train=_load(train, (64, 64), path),
        y_train=np.array(train_labels, "int32"),
        x_test=_load(test, (64, 64), val),
        y_test=np.array([label_of[row[1]] for row in rows], "int32"),
        class_names=_tiny_imagenet_names(path, wnids),
    )


def _tiny_imagenet_names(path, wnids):
    words = os.path.join(path, "words.txt")
    if not os.path.isfile(words):
        return tuple(wnids)
    names = dict(line.split("\t", 1) for line in _lines(words))
    return tuple(names.get(w, w).split(",")[0].strip() for w in wnids)


def _lines(path):
    if not os.path.isfile(path):
        raise ValueError(
            "Expected the folder layout of Tiny-ImageNet (wnids.txt, "
            "train/WNID/images/*, val/val_annotations.txt, val/images/*). "
            f"Received: no file at {path}"
        )
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip()]


def _subfolders(path):
    if not os.path.isdir(path):
        raise ValueError(
            "Expected one folder for each class in PATH/train and PATH/test. "
            f"Received: no folder at {path}"
        )
    return sorted(e.name for e in os.scandir(path) if e.is_dir())


def _images(folder):
    if not os.path.isdir(folder):
        return []
    names = sorted(os.listdir(folder))
    return [
        os.path.join(folder, name)
        for name in names
        if name.lower().endswith(_SUFFIXES)
    ]


def _load(files, image_size, folder):
    if not files:
        raise ValueError(
            f"Expected image files {', '.join(_SUFFIXES)}. Received: none "
            f"below {folder}"
        )
    images = np.empty((len(files), *image_size, 3), np.uint8)
    for i, file in enumerate(files):
        image = keras.utils.load_img(
            file, target_size=image_size, interpolation="bilinear"
        )
        images[i] = np.asarray(image, np.uint8)
    return images
