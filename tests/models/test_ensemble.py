"""Several classifiers as one, with the mean of their logits."""

import keras
import numpy as np
import pytest

import keras_lipschitz as kl

layers = keras.layers


def member(seed, dense=kl.layers.CayleyDense, **head):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((6,)),
            dense(8),
            kl.layers.MinMax(),
            dense(8),
            layers.Dense(3, bias_initializer="normal", **head),
        ]
    )


def inputs(count=200):
    return np.random.default_rng(0).normal(size=(count, 6)).astype("float32")


def constants(base):
    model = kl.GloroModel(base, 0.1)
    return np.asarray(model.certify().margin_constants)


@pytest.mark.multi_backend
def test_logits_are_the_mean_and_constants_the_root_mean_square(tmp_path):
    members = [member(0), member(1), member(2, use_bias=False)]
    base = kl.models.ensemble(members)
    x = inputs()
    mean = np.mean([m.predict(x, verbose=0) for m in members], axis=0)
    np.testing.assert_allclose(base.predict(x, verbose=0), mean, atol=1e-5)
    squares = [constants(m) ** 2 for m in members]
    together = np.sqrt(np.mean(squares, axis=0))
    np.testing.assert_allclose(constants(base), together, rtol=1e-4)
    # It is saved and loaded as any other model.
    model = kl.GloroModel(base, 0.1)
    radii = model.certified_radius(x)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.certified_radius(x), radii, rtol=1e-5)


def test_no_step_within_the_radius_changes_the_class():
    """Of members whose constants are not one and differ."""
    members = [member(k, layers.Dense) for k in range(2)]
    members[0].layers[0].kernel.assign(3.0 * members[0].layers[0].kernel)
    base = kl.models.ensemble(members)
    x = inputs(50)
    labels = base.predict(x, verbose=0).argmax(axis=1)
    radii = kl.GloroModel(base, 0.1).certified_radius(x)
    assert radii.max() > 0.05
    random = np.random.default_rng(1)
    for _ in range(200):
        step = random.normal(size=x.shape)
        step *= (0.999 * radii / np.linalg.norm(step, axis=1))[:, None]
        moved = np.asarray(base((x + step).astype("float32")))
        np.testing.assert_array_equal(moved.argmax(axis=1), labels)


def test_training_goes_on_with_the_members():
    members = [member(0), member(1)]
    base = kl.models.ensemble(members)
    x = inputs(64)
    y = (x[:, 0] > 0).astype("int32")
    model = kl.GloroModel(base, 0.1)
    model.compile("adam", "gloro_crossentropy", jit_compile=False)
    before = members[0].layers[0].get_weights()[0].copy()
    first = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=5, verbose=0)
    assert model.evaluate(x, y, verbose=0) < first
    assert not np.array_equal(members[0].layers[0].get_weights()[0], before)


@pytest.mark.multi_backend
def test_views_of_the_input():
    """Of one model: the certificate of the mean is that of the model."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4, 6, 2)),
            kl.layers.AdaptiveOrthogonalConv2D(4, 2, 2, padding="same"),
            kl.layers.MinMax(),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    moved = keras.Sequential(
        [
            layers.ZeroPadding2D(((0, 0), (1, 0))),
            layers.Cropping2D(((0, 0), (0, 1))),
        ]
    )
    base = kl.models.ensemble([model], views=[kl.layers.Flip(), moved])
    x = np.random.default_rng(0).normal(size=(20, 4, 6, 2)).astype("float32")
    right = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :-1]
    seen = [x, x[:, :, ::-1], right]
    mean = np.mean([model.predict(v, verbose=0) for v in seen], axis=0)
    np.testing.assert_allclose(base.predict(x, verbose=0), mean, atol=1e-5)
    np.testing.assert_allclose(constants(base), constants(model), rtol=1e-4)
    # Symmetric with the first view alone, whose mirror image is the input.
    base = kl.models.ensemble([model], views=[kl.layers.Flip()])
    one, other = (base.predict(v, verbose=0) for v in seen[:2])
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    "models, message",
    [
        (lambda: [member(0)], "two or more.*1 models and 0 views"),
        (lambda: [member(0), member(1, activation="softmax")], "activation"),
        (
            lambda: [
                member(0),
                keras.Sequential(
                    [keras.Input((6,)), layers.Dense(3), layers.ReLU()]
                ),
            ],
            "ReLU",
        ),
        (
            lambda: [
                member(0),
                keras.Sequential([keras.Input((5,)), layers.Dense(3)]),
            ],
            "one input and output shape",
        ),
    ],
)
def test_what_cannot_be_put_together_is_refused(models, message):
    with pytest.raises(ValueError, match=message):
        kl.models.ensemble(models())
