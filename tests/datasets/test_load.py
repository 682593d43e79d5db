import gzip
import io
import tarfile

import numpy as np
import pytest

from keras_lipschitz import datasets
from keras_lipschitz.datasets import pipelines

FIELDS = ("x_train", "y_train", "x_test", "y_test")


def arrays(train=24, test=7, shape=(6, 5, 3), classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x_train": rng.integers(0, 256, (train, *shape), np.uint8),
        "y_train": rng.integers(0, classes, train),
        "x_test": rng.integers(0, 256, (test, *shape), np.uint8),
        "y_test": np.arange(test) % classes,
    }


@pytest.fixture
def npz(tmp_path):
    given = arrays()
    np.savez(tmp_path / "own.npz", **given)
    return f"npz:{tmp_path / 'own.npz'}", given


@pytest.fixture(params=[True, False], ids=["tensorflow", "without"])
def with_tensorflow(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(pipelines, "tensorflow_is_installed", lambda: False)
    return request.param


def all_of(batches):
    pairs = (
        [batches[i] for i in range(len(batches))]
        if hasattr(batches, "__getitem__")
        else list(batches)
    )
    return tuple(
        np.concatenate([np.asarray(pair[i]) for pair in pairs]) for i in (0, 1)
    )


def test_parts_are_disjoint_and_complete(npz, with_tensorflow):
    name, given = npz
    data = datasets.load(name, validation=5, batch_size=4)
    train, validation, test = map(
        all_of, (data.train, data.validation, data.test)
    )
    assert len(train[0]) == 19 and len(validation[0]) == 5
    both = tuple(
        np.concatenate(pair) for pair in zip(train, validation, strict=True)
    )
    scaled = given["x_train"].astype("float32") / np.float32(255)
    np.testing.assert_allclose(
        np.sort(both[0].ravel()), np.sort(scaled.ravel()), atol=1e-6
    )
    np.testing.assert_array_equal(np.sort(both[1]), np.sort(given["y_train"]))
    np.testing.assert_array_equal(test[1], given["y_test"])
    np.testing.assert_allclose(
        test[0], given["x_test"] / np.float32(255), atol=1e-6
    )


def test_samples_keep_their_labels(npz, with_tensorflow):
    name, given = npz
    data = datasets.load(name, validation=0.25, batch_size=4)
    label_of = {
        x.tobytes(): y
        for x, y in zip(given["x_train"], given["y_train"], strict=True)
    }
    for x, y in (all_of(data.train), all_of(data.validation)):
        pixels = np.rint(x * 255).astype(np.uint8)
        assert [label_of[p.tobytes()] for p in pixels] == y.tolist()


def test_order_follows_seed_and_epoch(npz, with_tensorflow):
    name, _ = npz

    def orders(seed, first=None):
        data = datasets.load(name, validation=5, batch_size=4, seed=seed)
        if first is not None:
            data.set_epoch(first)
        seen = []
        for _ in range(2):
            seen.append(all_of(data.train)[0])
            if not with_tensorflow:
                data.train.on_epoch_end()
        return seen

    first, second = orders(0)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(orders(0)[1], second)
    # A resumed run sees the epoch that it goes on with.
    np.testing.assert_array_equal(orders(0, first=1)[0], second)
    assert not np.array_equal(orders(1)[0], first)


def test_split_depends_on_the_seed_alone(npz):
    name, _ = npz
    one, two = (
        datasets.load(name, validation=5, seed=3, batch_size=b) for b in (2, 9)
    )
    np.testing.assert_array_equal(
        one.arrays("validation")[0], two.arrays("validation")[0]
    )
    other = datasets.load(name, validation=5, seed=4)
    assert not np.array_equal(
        one.arrays("validation")[0], other.arrays("validation")[0]
    )


@pytest.mark.multi_backend
def test_fit_on_every_backend(npz):
    import keras

    data = datasets.load(npz[0], validation=5, batch_size=8)
    model = keras.Sequential(
        [
            keras.Input(data.input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(data.classes),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=loss)
    epochs = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: epochs.append(epoch)
    )
    history = model.fit(
        data.train,
        validation_data=data.validation,
        epochs=3,
        callbacks=[datasets.EpochOrder(data), watch],
        verbose=0,
    )
    assert epochs == [0, 1, 2] and len(history.history["val_loss"]) == 3


@pytest.mark.multi_backend
def test_fit_without_tensorflow(npz, monkeypatch):
    import keras

    monkeypatch.setattr(pipelines, "tensorflow_is_installed", lambda: False)
    data = datasets.load(npz[0], validation=5, batch_size=8)
    model = keras.Sequential(
        [
            keras.Input(data.input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(data.classes),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=loss)
    history = model.fit(
        data.train, validation_data=data.validation, epochs=2, verbose=0
    )
    assert len(history.history["val_loss"]) == 2
    # What a progress bar and a schedule want to know.
    assert len(data.train) == 3


def test_float_samples_are_not_scaled(tmp_path):
    given = arrays(shape=(3,))
    given["x_train"] = given["x_train"].astype("float64")
    given["x_test"] = given["x_test"].astype("float64")
    np.savez(tmp_path / "f.npz", **given)
    data = datasets.load(f"npz:{tmp_path / 'f.npz'}")
    x, _ = data.arrays("test")
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, given["x_test"])


def test_gray_images_get_a_channel(tmp_path):
    given = arrays(shape=(4, 4))
    np.savez(tmp_path / "g.npz", **given, class_names=list("abcd"))
    data = datasets.load(f"npz:{tmp_path / 'g.npz'}")
    assert data.input_shape == (4, 4, 1)
    assert data.class_names == ("a", "b", "c", "d")


# Local files of the published sets.


def idx(array):
    header = b"\x00\x00\x08" + bytes([array.ndim])
    sizes = np.array(array.shape, ">u4").tobytes()
    return header + sizes + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_from_idx_files(tmp_path, suffix):
    given = arrays(shape=(28, 28))
    stems = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    for field, stem in zip(FIELDS, stems, strict=True):
        content = idx(given[field])
        content = gzip.compress(content) if suffix else content
        (tmp_path / (stem + suffix)).write_bytes(content)
    data = datasets.load("mnist", data_dir=tmp_path)
    assert data.input_shape == (28, 28, 1)
    np.testing.assert_array_equal(data.arrays("test")[1], given["y_test"])
    np.testing.assert_allclose(
        data.arrays("test")[0][..., 0] * 255, given["x_test"], atol=1e-4
    )


def test_broken_idx_file_is_named(tmp_path):
    for stem in ("train-images-idx3", "t10k-images-idx3"):
        (tmp_path / f"{stem}-ubyte").write_bytes(
            idx(np.zeros((3, 28, 28)))[:-1]
        )
    for stem in ("train-labels-idx1", "t10k-labels-idx1"):
        (tmp_path / f"{stem}-ubyte").write_bytes(idx(np.zeros(3)))
    with pytest.raises(ValueError, match="whole IDX file"):
        datasets.load("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("name, label_bytes", [("cifar10", 1), ("cifar100", 2)])
def test_cifar_from_the_binary_archive(tmp_path, name, label_bytes):
    given = arrays(shape=(32, 32, 3))
    folder = {1: "cifar-10-batches-bin", 2: "cifar-100-binary"}[label_bytes]
    archive = {1: "cifar-10-binary.tar.gz", 2: "cifar-100-binary.tar.gz"}
    parts = {
        1: {
            "data_batch_1.bin": slice(0, 10),
            "data_batch_2.bin": slice(10, 24),
        },
        2: {"train.bin": slice(0, 24)},
    }[label_bytes]
    files = {
        file: records(
            given["x_train"][part], given["y_train"][part], label_bytes
        )
        for file, part in parts.items()
    }
    test = "test_batch.bin" if label_bytes == 1 else "test.bin"
    files[test] = records(given["x_test"], given["y_test"], label_bytes)
    files["readme.html"] = b"not data"
    with tarfile.open(tmp_path / archive[label_bytes], "w:gz") as tar:
        for file, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{file}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    data = datasets.load(name, data_dir=tmp_path, validation=1)
    x, y = data.arrays("test")
    np.testing.assert_allclose(x * 255, given["x_test"], atol=1e-4)
    np.testing.assert_array_equal(y, given["y_test"])
    assert data.size("train") == 23


def records(x, y, label_bytes):
    """CIFAR's layout: labels (coarse first), then planes of colours."""
    planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    labels = np.tile(y[:, None].astype(np.uint8), label_bytes)
    labels[:, : label_bytes - 1] = 99
    return np.concatenate([labels, planes], axis=1).tobytes()


def test_npz_of_a_published_set_without_tfds(tmp_path, monkeypatch):
    np.savez(tmp_path / "cifar100.npz", **arrays(shape=(32, 32, 3)))
    data = datasets.load("cifar100", data_dir=tmp_path)
    assert data.input_shape == (32, 32, 3)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_tensorflow_datasets(name):
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = tfds.builder(name)
    if not builder.data_path.exists():
        pytest.skip(f"{name} is not in the tensorflow-datasets cache")
    sizes = {k: v.num_examples for k, v in builder.info.splits.items()}
    data = datasets.load(name, validation=1 / 12)
    assert data.size("test") == sizes["test"] == 10000
    assert data.size("train") + data.size("validation") == sizes["train"]
    assert data.classes == 10
    x, y = next(iter(data.train))
    assert x.dtype == "float32" and 0.0 <= x.numpy().min()
    assert x.numpy().max() == 1.0 and y.shape == (256,)


# Folders.


def save_image(path, value, size=(8, 6)):
    import keras

    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((*size, 3), value, np.uint8)
    keras.utils.save_img(path, image, scale=False)


def test_image_folder(tmp_path):
    for part, count in (("train", 3), ("test", 2)):
        for k, name in enumerate(("cat", "dog")):
            for i in range(count):
                save_image(tmp_path / part / name / f"{i}.png", 40 * k + i)
    data = datasets.load(f"folder:{tmp_path}", validation=1)
    assert data.class_names == ("cat", "dog")
    assert data.input_shape == (8, 6, 3)
    x, y = data.arrays("test")
    np.testing.assert_allclose(x[:, 0, 0, 0] * 255, [0, 1, 40, 41], atol=1e-4)
    np.testing.assert_array_equal(y, [0, 0, 1, 1])


def test_image_folder_is_resized(tmp_path):
    for part in ("train", "test"):
        save_image(tmp_path / part / "a" / "0.png", 7, size=(9, 9))
        save_image(tmp_path / part / "b" / "0.png", 9, size=(5, 7))
    data = datasets.load(f"folder:{tmp_path}", validation=1, image_size=(4, 4))
    assert data.input_shape == (4, 4, 3)


def test_tiny_imagenet_layout(tmp_path):
    wnids = ("n02", "n01")
    (tmp_path / "wnids.txt").write_text("\n".join(wnids) + "\n")
    (tmp_path / "words.txt").write_text("n01\tgoldfish, carp\nn02\tnewt\n")
    for k, wnid in enumerate(wnids):
        for i in range(2):
            save_image(
                tmp_path / "train" / wnid / "images" / f"{wnid}_{i}.JPEG",
                100 * k,
                size=(64, 64),
            )
    for i in range(3):
        save_image(
            tmp_path / "val" / "images" / f"val_{i}.JPEG", 50, size=(64, 64)
        )
    (tmp_path / "val" / "val_annotations.txt").write_text(
        "".join(
            f"val_{i}.JPEG\t{w}\t0\t0\t9\t9\n"
            for i, w in enumerate(("n01", "n02", "n01"))
        )
    )
    data = datasets.load("tiny_imagenet", data_dir=tmp_path, validation=1)
    assert data.class_names == ("newt", "goldfish")
    assert data.input_shape == (64, 64, 3)
    np.testing.assert_array_equal(data.arrays("test")[1], [1, 0, 1])


# Errors.


@pytest.mark.parametrize(
    "name, message",
    [
        ("imagenet", "should be one of mnist"),
        ("npz:/nowhere/x.npz", "no file at /nowhere/x.npz"),
        ("folder:/nowhere", "no folder at /nowhere/train"),
        ("tiny_imagenet", "data_dir=PATH"),
        ("npz:", "should be one of"),
    ],
)
def test_unknown_data(name, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(name)


def test_missing_local_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="cifar-10-binary.tar.gz"):
        datasets.load("cifar10", data_dir=tmp_path)
    with pytest.raises(ValueError, match="wnids.txt"):
        datasets.load("tiny_imagenet", data_dir=tmp_path)


def test_without_tensorflow_datasets_the_error_says_what_to_do(
    tmp_path, monkeypatch
):
    import sys

    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match="pip install"):
        datasets.load("mnist")


def test_nothing_is_held_out(npz):
    name, given = npz
    data = datasets.load(name, validation=None, batch_size=4)
    assert data.validation is None and data.size("validation") == 0
    x, y = data.arrays("train")
    scaled = given["x_train"].astype("float32") / np.float32(255)
    np.testing.assert_array_equal(x, scaled)
    np.testing.assert_array_equal(y, given["y_train"].ravel())
    assert len(all_of(data.train)[0]) == len(x)


@pytest.mark.parametrize("validation", [0, 24, 1.5, -1, True, "a", 0.0])
def test_bad_validation(npz, validation):
    with pytest.raises(ValueError, match="`validation` should be"):
        datasets.load(npz[0], validation=validation)


@pytest.mark.parametrize("batch_size", [0, 2.5, True])
def test_bad_batch_size(npz, batch_size):
    with pytest.raises(ValueError, match="`batch_size` should be"):
        datasets.load(npz[0], batch_size=batch_size)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"y_train": None}, "missing: y_train"),
        ({"y_test": np.zeros(3, int)}, "one label each in y_test"),
        ({"y_train": np.zeros(24)}, "y_train as integers"),
        ({"y_train": np.full(24, -1)}, "smallest -1"),
        ({"x_train": np.zeros((24, 2, 2, 3), "int64")}, "x_train as uint8"),
        ({"x_test": np.zeros((7, 2, 2, 3), "uint8")}, "of one shape"),
    ],
)
def test_bad_arrays(tmp_path, change, message):
    given = {**arrays(), **change}
    given = {key: value for key, value in given.items() if value is not None}
    np.savez(tmp_path / "bad.npz", **given)
    with pytest.raises(ValueError, match=message):
        datasets.load(f"npz:{tmp_path / 'bad.npz'}")


def test_unknown_part(npz):
    with pytest.raises(ValueError, match="`part` should be"):
        datasets.load(npz[0]).arrays("dev")


@pytest.mark.parametrize("epochs", [-1, float("nan"), None, "3", True])
def test_augmented_epochs_that_are_no_number_are_refused(epochs):
    with pytest.raises(ValueError, match="`augmented_epochs`.*Received"):
        datasets.load("digits", augmented_epochs=epochs)
