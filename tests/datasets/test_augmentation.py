import numpy as np
import pytest
from scipy import stats

from keras_lipschitz import datasets
from keras_lipschitz.datasets import augmentation as augment
from keras_lipschitz.datasets import pipelines

pytest.importorskip("tensorflow")

ALL = (
    augment.RandomFlip(),
    augment.RandomShift(2),
    augment.RandomShift(1, share=0.5),
    augment.RandomAffine(0.3, 0.2, 0.1, 0.1),
    augment.RandomContrast(0.8, 1.2),
    augment.RandomSaturation(0.5, 1.2),
    augment.RandomNoise(0.1),
)


def images(count=64, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, 9, 8, 3)).astype("float32")


@pytest.mark.parametrize("step", ALL, ids=lambda step: type(step).__name__)
def test_seed_decides(step):
    x = images()
    one, same, other = (np.asarray(step(x, [3, k])) for k in (0, 0, 1))
    assert one.shape == x.shape and one.dtype == x.dtype
    assert one.min() >= 0.0 and one.max() <= 1.0
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, x)


def test_flip_mirrors_about_half():
    x = images(400)
    y = np.asarray(augment.RandomFlip()(x, [0, 0]))
    kept = (x == y).all(axis=(1, 2, 3))
    mirrored = (x[:, :, ::-1] == y).all(axis=(1, 2, 3))
    assert (kept | mirrored).all() and 140 < kept.sum() < 260


def test_shift_moves_by_whole_pixels():
    x = images(200)
    y = np.asarray(augment.RandomShift(1)(x, [0, 0]))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = [
        padded[:, i : i + 9, j : j + 8] for i in range(3) for j in range(3)
    ]
    hits = np.array([(w == y).all(axis=(1, 2, 3)) for w in windows])
    assert (hits.sum(axis=0) == 1).all()
    assert (hits.sum(axis=1) > 5).all()


def test_a_share_of_images_is_moved():
    x = images(4000)
    step = augment.RandomShift(1, share=0.25)
    for y in (
        np.asarray(step(x, [0, 0])),
        step.on_arrays(x, np.random.default_rng(0)),
    ):
        moved = (x != y).any(axis=(1, 2, 3))
        # Of those that it is done to, one in nine stays where it is.
        expected = 0.25 * 8 / 9
        spread = np.sqrt(expected * (1 - expected) / len(x))
        assert abs(moved.mean() - expected) < 4 * spread


def test_affine_without_motion_is_the_identity():
    x = images(4)
    y = np.asarray(augment.RandomAffine()(x, [0, 0]))
    np.testing.assert_allclose(y, x, atol=1e-6)


def test_affine_moves_about_the_centre():
    x = np.zeros((50, 9, 9, 1), "float32")
    x[:, 4, 4] = 1.0
    y = np.asarray(augment.RandomAffine(rotation=1.0, zoom=0.3)(x, [0, 0]))
    np.testing.assert_allclose(y[:, 4, 4, 0], 1.0, atol=1e-5)


def test_contrast_and_saturation_keep_the_mean():
    x = 0.4 + 0.2 * images()
    y = np.asarray(augment.RandomContrast(0.5, 1.5)(x, [0, 0]))
    np.testing.assert_allclose(y.mean((1, 2)), x.mean((1, 2)), atol=1e-5)
    y = np.asarray(augment.RandomSaturation(0.5, 1.5)(x, [0, 0]))
    np.testing.assert_allclose(y.mean(3), x.mean(3), atol=1e-5)


def test_pipeline_repeats_the_augmentation_of_an_epoch(tmp_path):
    x = (images(20) * 255).astype("uint8")
    y = np.arange(20) % 2
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)

    def epoch(number):
        data = datasets.load(
            f"npz:{tmp_path / 'a.npz'}",
            validation=4,
            batch_size=5,
            augmentation=ALL,
        )
        data.set_epoch(number)
        return np.concatenate([np.asarray(x) for x, _ in data.train])

    np.testing.assert_array_equal(epoch(2), epoch(2))
    assert not np.array_equal(epoch(2), epoch(3))


@pytest.mark.parametrize("step", ALL, ids=lambda step: type(step).__name__)
def test_arrays_get_the_same_kind_of_change(step):
    x = images(2000)
    one, other = (step.on_arrays(x, np.random.default_rng(k)) for k in (0, 1))
    assert one.shape == x.shape
    assert not np.array_equal(one, other) and not np.array_equal(one, x)
    tensor = np.asarray(step(x, [0, 0]))
    # Other random numbers, the same distribution.
    change, expected = (np.abs(z - x).mean() for z in (one, tensor))
    np.testing.assert_allclose(change, expected, rtol=0.05)
    np.testing.assert_allclose(one.mean(), tensor.mean(), rtol=0.01)


def test_affine_on_arrays_is_that_of_tensorflow(monkeypatch):
    import tensorflow as tf

    x = images(20)
    draws = np.random.default_rng(0).uniform(-1, 1, (5, 20)).astype("float32")
    step = augment.RandomAffine(0.5, 0.3, 0.3, 0.2)

    class Fixed:
        def uniform(self, *args):
            return draws

    monkeypatch.setattr(tf.random, "stateless_uniform", lambda *args: draws)
    np.testing.assert_allclose(
        step.on_arrays(x, Fixed()), np.asarray(step(x, [0, 0])), atol=1e-4
    )


@pytest.mark.parametrize("kind", ["contrast", "saturation"])
def test_factors_are_uniform(kind):
    step, axis = {
        "contrast": (augment.RandomContrast(0.5, 1.25), (1, 2)),
        "saturation": (augment.RandomSaturation(0.5, 1.25), 3),
    }[kind]
    x = 0.4 + 0.2 * images(2000)
    grey = x.mean(axis, keepdims=True)
    y = np.asarray(step(x, [0, 0]))
    factor = ((y - grey) * (x - grey)).sum((1, 2, 3)) / np.square(x - grey).sum(
        (1, 2, 3)
    )
    again = grey + factor[:, None, None, None] * (x - grey)
    np.testing.assert_allclose(y, again, atol=1e-5)
    assert stats.kstest(factor, stats.uniform(0.5, 0.75).cdf).pvalue > 0.01


def test_noise_is_normal_and_independent():
    x = np.full((200, 16, 16, 3), 0.5, "float32")
    y = np.asarray(augment.RandomNoise(0.05)(x, [0, 0]))
    noise = (y - x) / 0.05
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.01
    # As far out as 150,000 normal numbers get.
    assert 3.8 < noise.max() < 5.5 and -5.5 < noise.min() < -3.8
    correlations = np.corrcoef(noise.reshape(200, -1))
    assert np.abs(correlations - np.eye(200)).max() < 5.5 / np.sqrt(768)


def test_runs_without_tensorflow(monkeypatch):
    monkeypatch.setattr(pipelines, "tensorflow_is_installed", lambda: False)
    plain, changed = (
        datasets.load("digits", augmentation=a).train[0][0]
        for a in ((), (augment.RandomShift(1),))
    )
    assert changed.shape == plain.shape and changed.dtype == plain.dtype
    assert not np.array_equal(plain, changed)
