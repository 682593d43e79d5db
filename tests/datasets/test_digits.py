import sys

import numpy as np
import pytest

from keras_lipschitz.datasets import digits

PARTS = ["train", "validation", "test"]


@pytest.mark.parametrize(
    "part, samples", [("train", 1257), ("validation", 180), ("test", 360)]
)
def test_images_between_zero_and_one(part, samples):
    x, y = getattr(digits(), part)
    assert x.shape == (samples, 8, 8, 1) and x.dtype == np.float32
    assert x.min() == 0.0 and x.max() == 1.0
    assert y.shape == (samples,) and y.dtype == np.int32


def test_parts_are_the_whole_and_share_nothing():
    # scikit-learn holds no image twice, so images tell whether parts overlap.
    images = [image.tobytes() for x, _ in digits() for image in x]
    assert len(set(images)) == len(images) == 1797


@pytest.mark.parametrize("part", PARTS)
def test_every_class_has_its_share(part):
    _, y = getattr(digits(), part)
    shares = np.bincount(y, minlength=10) / len(y)
    np.testing.assert_allclose(shares, 0.1, atol=0.01)


def test_the_seed_decides_the_split():
    np.testing.assert_array_equal(digits().test[1], digits(seed=0).test[1])
    assert (digits(seed=1).test[1] != digits(seed=0).test[1]).any()


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"keras-lipschitz\[examples\]"):
        digits()
