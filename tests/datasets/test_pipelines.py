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


@pytest.mark.parametrize("kind", ["tf", "arrays"])
def test_augmentation_ends_with_an_epoch(kind):
    x = np.linspace(0.1, 1.0, 20, dtype="float32")[:, None, None, None]
    x = np.broadcast_to(x, (20, 3, 3, 1))
    made = {
        "tf": pipelines.training_batches,
        "arrays": pipelines.ShuffledBatches,
    }
    batches = made[kind](
        x, np.arange(20), 8, 0, [augment.RandomNoise(0.1)], augmented_epochs=2
    )
    for epoch in range(4):
        if kind == "arrays":
            batches.epoch = epoch
        seen = list(batches) if kind == "tf" else [batches[i] for i in range(3)]
        images, labels = map(np.concatenate, zip(*seen, strict=True))
        assert sorted(labels) == list(range(20))
        same = np.array_equal(images, x[labels])
        assert same == (epoch >= 2)
