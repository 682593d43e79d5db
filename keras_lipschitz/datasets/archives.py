"""Data sets from local files: `.npz`, or the archives of their authors."""

import gzip
import os
import tarfile

import numpy as np

from keras_lipschitz.datasets.raw_data import RawData

_IDX_STEMS = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
# The archive, its folder, how many label bytes precede an image.
_CIFAR = {
    "cifar10": ("cifar-10-binary.tar.gz", "cifar-10-batches-bin", 1),
    "cifar100": ("cifar-100-binary.tar.gz", "cifar-100-binary", 2),
}
_FIELDS = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path):
    """A data set from an `.npz` file with `x_train`, `y_train`, `x_test`,
    `y_test`, and optionally `class_names`."""
    if not os.path.isfile(path):
        raise ValueError(f"Expected an .npz file. Received: no file at {path}")
    with np.load(path, allow_pickle=False) as file:
        missing = [field for field in _FIELDS if field not in file]
        if missing:
            raise ValueError(
                f"Expected the arrays {', '.join(_FIELDS)} in {path}. "
                f"Received: {', '.join(file.files)} (missing: "
                f"{', '.join(missing)})"
            )
        arrays = {field: file[field] for field in _FIELDS}
        if "class_names" in file:
            arrays["class_names"] = tuple(file["class_names"].tolist())
    return RawData(**arrays)


def read_local(name, directory):
    """`NAME.npz` or the original archive in a folder; `None` without either.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"cifar10"` or `"cifar100"`.
        directory: Folder to look into.
    """
    npz = os.path.join(directory, f"{name}.npz")
    if os.path.isfile(npz):
        return read_npz(npz)
    if name in _CIFAR:
        return _read_cifar(name, directory)
    return _read_idx_files(directory)


def expected_files(name):
    """What `read_local` looks for, in words."""
    if name in _CIFAR:
        return f"{name}.npz or {_CIFAR[name][0]}"
    return f"{name}.npz or {', '.join(_IDX_STEMS.values())} (each also as .gz)"


def _read_idx_files(directory):
    paths = {
        field: _existing(os.path.join(directory, stem))
        for field, stem in _IDX_STEMS.items()
    }
    if None in paths.values():
        return None
    return RawData(**{field: _read_idx(path) for field, path in paths.items()})


def _existing(path):
    for candidate in (path, path + ".gz"):
        if os.path.isfile(candidate):
            return candidate
    return None


def _read_idx(path):
    """An array from the IDX format: magic, sizes, bytes, big-endian."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        content = file.read()
    axes = content[3] if content[:3] == b"\x00\x00\x08" else 0
    shape = np.frombuffer(content, ">u4", count=axes, offset=4) if axes else ()
    start = 4 + 4 * axes
    if not axes or len(content) - start != np.prod(shape, dtype="int64"):
        raise ValueError(
            f"Expected a whole IDX file of unsigned bytes. Received: {path}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_cifar(name, directory):
    archive, folder, label_bytes = _CIFAR[name]
    path = os.path.join(directory, archive)
    if not os.path.isfile(path):
        return None
    parts = {"train": [], "test": []}
    with tarfile.open(path) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            base = os.path.basename(member.name)
            if member.name.startswith(folder) and base.endswith(".bin"):
                part = "test" if base.startswith("test") else "train"
                content = tar.extractfile(member).read()
                parts[part].append(_cifar_records(content, label_bytes, path))
    if not (parts["train"] and parts["test"]):
        raise ValueError(
            f"Expected training and test .bin files below {folder}/. "
            f"Received: {path} without them"
        )
    arrays = {}
    for part, batches in parts.items():
        arrays[f"x_{part}"] = np.concatenate([x for x, _ in batches])
        arrays[f"y_{part}"] = np.concatenate([y for _, y in batches])
    return RawData(**arrays)


def _cifar_records(content, label_bytes, path):
    size = label_bytes + 3 * 32 * 32
    if not content or len(content) % size:
        raise ValueError(
            f"Expected records of {size} bytes. Received: {path} with a file "
            f"of {len(content)} bytes"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    images = records[:, label_bytes:].reshape(-1, 3, 32, 32)
    # The last label byte is the fine label of CIFAR-100.
    return images.transpose(0, 2, 3, 1), records[:, label_bytes - 1]
