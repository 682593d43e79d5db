"""Batches that threads make ahead, where TensorFlow does not."""

import numpy as np
import pytest

from keras_lipschitz.datasets import augmentation as augment
from keras_lipschitz.datasets import pipelines


def test_batches_made_ahead_are_those_that_are_asked_for():
    """In order, out of order, and after a jump to another epoch."""
    x = np.linspace(0.0, 1.0, 100, dtype="float32")[:, None, None, None]

    def batches():
        return pipelines.ShuffledBatches(
            x,
            np.arange(100),
            8,
            seed=3,
            augmentation=[augment.RandomNoise(0.1)],
        )

    def one(epoch, index):
        alone = batches()
        alone.epoch = epoch
        return alone[index]

    shuffled = batches()
    for epoch in (0, 1, 4, 0):
        shuffled.epoch = epoch
        seen = [shuffled[i] for i in range(len(shuffled))]
        labels = np.concatenate([y for _, y in seen])
        assert sorted(labels) == list(range(100))
        for i in (12, 0, 5):
            for given in (seen[i], shuffled[i]):
                for ours, truth in zip(given, one(epoch, i), strict=True):
                    np.testing.assert_array_equal(ours, truth)


def test_what_fails_ahead_fails_where_it_is_asked_for():
    class Broken:
        def on_arrays(self, images, rng):
            if len(images) < 8:
                raise ValueError("too few")
            return images

    x = np.zeros((20, 2, 2, 1), "float32")
    batches = pipelines.ShuffledBatches(x, np.zeros(20), 8, 0, [Broken()])
    assert batches[0][0].shape == batches[1][0].shape == (8, 2, 2, 1)
    with pytest.raises(ValueError, match="too few"):
        batches[2]
