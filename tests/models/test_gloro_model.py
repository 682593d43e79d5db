import keras
import numpy as np
import pytest
from small import small_classifier

import keras_lipschitz as kl

multi_backend = pytest.mark.multi_backend


def logits_of(model, x):
    return model.base.predict(x, verbose=0)


def slow_bottom(logits, table, epsilon):
    """The definition, sample by sample."""
    bottoms = []
    for f in logits.astype("float64"):
        j = int(np.argmax(f))
        bottoms.append(
            max(f[i] + epsilon * table[i, j] for i in range(len(f)) if i != j)
        )
    return np.array(bottoms)


@multi_backend
def test_output_is_logits_and_bottom(trained, data):
    x, _ = data
    outputs = trained.predict(x, verbose=0)
    assert outputs.shape == (len(x), 4)
    np.testing.assert_array_equal(outputs[:, :3], logits_of(trained, x))
    np.testing.assert_allclose(
        outputs[:, 3],
        slow_bottom(outputs[:, :3], trained.certificate.margin_constants, 0.3),
        rtol=1e-5,
    )


@multi_backend
def test_margin_constants_are_the_product_of_the_svd_norms(trained):
    certificate = trained.certify()
    product = np.prod(
        [np.linalg.norm(explicit_matrix(trained.base, i), 2) for i in (0, 2, 5)]
    )
    head = keras.ops.convert_to_numpy(trained.base.layers[-1].kernel)
    head = head.astype("float64")
    for i in range(3):
        for j in range(3):
            expected = product * np.linalg.norm(head[:, i] - head[:, j])
            if i != j:
                np.testing.assert_allclose(
                    certificate.margin_constants[i, j], expected, rtol=1e-5
                )


def explicit_matrix(base, index):
    """The matrix of a linear layer, by pushing the unit vectors through."""
    layer = base.layers[index]
    shape = layer.input.shape[1:]
    unit = np.eye(np.prod(shape), dtype="float32").reshape(-1, *shape)
    convert = keras.ops.convert_to_numpy
    outputs = convert(layer(unit)) - convert(layer(0 * unit[:1]))
    return outputs.reshape(len(unit), -1)


@multi_backend
def test_training_learns_to_certify(trained, data):
    x, y = data
    labels, radii = trained.predict_certified(x)
    assert np.mean(labels == y) > 0.9
    assert np.all((labels >= 0) == (radii > 0.3))
    results = trained.evaluate(x, y, verbose=0, return_dict=True)
    assert results["vra"] == pytest.approx(np.mean(labels == y))


@multi_backend
def test_per_logit_form_is_looser(data):
    keras.utils.set_random_seed(0)
    base = small_classifier()
    pairwise = kl.GloroModel(base, 0.1)
    per_logit = kl.GloroModel(
        base, 0.1, bound=kl.bounds.GlobalLipschitz(pairwise=False)
    )
    tight = pairwise.certify().margin_constants
    loose = per_logit.certify().margin_constants
    off = ~np.eye(3, dtype=bool)
    assert np.all(tight[off] <= loose[off])
    rows = np.linalg.norm(base.layers[-1].get_weights()[0], axis=0)
    body = per_logit.certificate.body_constant
    np.testing.assert_allclose(
        loose[0, 1], body * (rows[0] + rows[1]), rtol=1e-6
    )


@multi_backend
def test_model_without_dense_head_uses_root_two():
    base = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(3, 3),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model = kl.GloroModel(base, 0.1)
    certificate = model.certify()
    np.testing.assert_allclose(
        certificate.margin_constants[0, 1],
        2**0.5 * certificate.body_constant,
        rtol=1e-9,
    )


# Ties, zeros, NaN: the decision itself.


def linear_model(weights, epsilon):
    weights = np.asarray(weights, "float32")
    base = keras.Sequential(
        [
            keras.Input((weights.shape[0],)),
            keras.layers.Dense(weights.shape[1], use_bias=False),
        ]
    )
    base.set_weights([weights])
    return kl.GloroModel(base, epsilon)


@multi_backend
def test_linear_model_has_the_exact_radius():
    weights = np.array([[1.0, -1.0, 0.0], [0.0, 0.5, 2.0]])
    model = linear_model(weights, 0.25)
    x = np.array([[1.0, 0.1], [0.3, 0.2], [0.0, -1.0]], "float32")
    truth = []
    for point in x.astype("float64"):
        f = point @ weights
        j = np.argmax(f)
        truth.append(
            min(
                (f[j] - f[i]) / np.linalg.norm(weights[:, j] - weights[:, i])
                for i in range(3)
                if i != j
            )
        )
    radii = model.certified_radius(x)
    np.testing.assert_allclose(radii, truth, rtol=1e-6)
    labels, _ = model.predict_certified(x)
    np.testing.assert_array_equal(labels >= 0, np.array(truth) > 0.25)


@multi_backend
@pytest.mark.parametrize("epsilon", [0, 0.1, 1e38])
def test_ties_are_never_certified(epsilon):
    model = linear_model([[1.0, 1.0, -1.0]], epsilon)
    x = np.array([[1.0], [0.0], [2.0]], "float32")
    labels, radii = model.predict_certified(x)
    assert np.all(labels == -1)
    assert np.all(radii == 0)
    model.compile(loss="gloro_crossentropy", metrics=["vra"])
    y = np.zeros(3, "int64")
    assert model.evaluate(x, y, verbose=0, return_dict=True)["vra"] == 0


@multi_backend
def test_tie_among_losers_does_not_matter():
    model = linear_model([[1.0, -1.0, -1.0]], 0.5)
    labels, radii = model.predict_certified(np.array([[1.0]], "float32"))
    assert labels[0] == 0
    assert radii[0] == pytest.approx(1.0, rel=1e-6)


@multi_backend
def test_constant_network_is_certified_at_any_epsilon():
    base = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    base.set_weights([np.zeros((2, 2)), np.array([1.0, 0.0])])
    model = kl.GloroModel(base, 1e30)
    labels, radii = model.predict_certified(np.ones((1, 2), "float32"))
    assert labels[0] == 0
    assert np.isinf(radii[0])


@multi_backend
def test_not_a_number_is_never_certified():
    model = linear_model([[1.0, -1.0]], 0.1)
    x = np.array([[np.nan], [np.inf]], "float32")
    labels, radii = model.predict_certified(x)
    assert np.all(labels == -1)
    assert np.all(radii == 0)


@multi_backend
def test_margin_equal_to_slack_is_not_certified():
    model = linear_model([[1.0, 0.0]], 0.5)
    labels, _ = model.predict_certified(np.array([[0.5]], "float32"))
    assert labels[0] == -1


@multi_backend
def test_decisions_do_not_depend_on_the_batch(trained, data):
    x, _ = data
    together = trained.predict_certified(x)
    order = np.random.default_rng(0).permutation(len(x))
    apart = trained.predict_certified(x[order], batch_size=1)
    np.testing.assert_array_equal(together.label[order], apart.label)


# A certificate holds for its weights and no others.


@multi_backend
def test_compensating_rescale_leaves_the_certificate():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((5,)), keras.layers.Dense(6), kl.layers.MinMax()]
    base = keras.Sequential([*layers, keras.layers.Dense(3)])
    model = kl.GloroModel(base, 0.1)
    before = model.certify().margin_constants
    w, b, v, c = base.get_weights()
    base.set_weights([w * 2.0**-40, b * 2.0**-40, v * 2.0**40, c])
    after = model.certify().margin_constants
    np.testing.assert_array_equal(before, after)


@multi_backend
@pytest.mark.parametrize("way", ["set_weights", "surgery", "load", "fit"])
def test_changed_weights_are_certified_anew(way, data, tmp_path):
    x, y = data
    keras.utils.set_random_seed(0)
    model = kl.GloroModel(small_classifier(), 0.1)
    model.compile("sgd", loss="gloro_crossentropy")
    other = kl.GloroModel(small_classifier(), 0.1)
    old = model.certify()
    assert np.all(np.isfinite(model.predict(x, verbose=0)))
    if way == "set_weights":
        model.set_weights([3 * w for w in model.get_weights()])
    elif way == "surgery":
        kernel = model.base.layers[0].kernel
        kernel.assign(3 * keras.ops.convert_to_numpy(kernel))
    elif way == "load":
        other.save_weights(tmp_path / "other.weights.h5")
        model.load_weights(tmp_path / "other.weights.h5")
    else:
        model.fit(x, y, verbose=0)
    outputs = model.predict(x, verbose=0)
    assert model.certificate.weights != old.weights
    np.testing.assert_allclose(
        outputs[:, 3],
        slow_bottom(outputs[:, :3], model.certificate.margin_constants, 0.1),
        rtol=1e-5,
    )
    reference = kl.GloroModel(model.base, 0.1).certify()
    np.testing.assert_allclose(
        model.certificate.margin_constants,
        reference.margin_constants,
        rtol=1e-6,
    )


@multi_backend
def test_eager_call_after_surgery_is_certified_anew(data):
    x, _ = data
    model = kl.GloroModel(small_classifier(), 0.1)
    model.predict(x, verbose=0)
    kernel = model.base.layers[-1].kernel
    kernel.assign(10 * keras.ops.convert_to_numpy(kernel))
    outputs = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(
        outputs[:, 3],
        slow_bottom(outputs[:, :3], model.certificate.margin_constants, 0.1),
        rtol=1e-5,
    )


@multi_backend
def test_fit_leaves_no_estimate_behind(data):
    x, y = data
    model = kl.GloroModel(small_classifier(), 0.1)
    model.compile("sgd", loss="gloro_crossentropy")
    model.fit(x, y, validation_data=(x, y), verbose=0)
    assert model.certificate is None
    table = keras.ops.convert_to_numpy(model.bound.margin_constants)
    assert np.all(np.isinf(table))
    model.predict(x, verbose=0)
    assert model.certificate.rigorous


@multi_backend
def test_predict_changes_no_weight(trained, data):
    x, _ = data
    trained.predict(x, verbose=0)
    before = [w.copy() for w in trained.get_weights()]
    trained.predict(x, verbose=0)
    trained(x)
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# Radii.


@multi_backend
def test_validation_is_at_epsilon_whatever_the_training(data):
    x, _ = data
    model = kl.GloroModel(small_classifier(), 0.1, training_epsilon=0.7)
    at_target = model.predict(x, verbose=0)
    model.training_epsilon = 5.0
    np.testing.assert_array_equal(model.predict(x, verbose=0), at_target)
    model.epsilon = 0.2
    assert np.all(model.predict(x, verbose=0)[:, 3] > at_target[:, 3])


@multi_backend
def test_epsilon_is_rounded_against_the_user():
    model = linear_model([[1.0, 0.0]], 0.7)
    assert model.epsilon == 0.7
    stored = keras.ops.convert_to_numpy(model.bottom.epsilon)
    assert float(stored) >= 0.7


@pytest.mark.parametrize(
    "epsilon", [-0.1, float("nan"), float("inf"), "0.3", None, True]
)
def test_bad_epsilon(epsilon):
    with pytest.raises(ValueError, match="epsilon.*Received"):
        kl.GloroModel(small_classifier(), epsilon)


def test_integer_epsilon():
    assert kl.GloroModel(small_classifier(), 1).epsilon == 1.0


# Bad models and labels.


def test_not_a_number_weights_are_refused():
    base = small_classifier()
    base.layers[0].kernel.assign(np.full((3, 3, 1, 4), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        kl.GloroModel(base, 0.1)


def test_weights_that_became_nan_are_refused(model, data):
    model.base.layers[0].kernel.assign(np.full((3, 3, 1, 4), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        model.predict(data[0], verbose=0)


def test_softmax_at_the_end_is_refused():
    with pytest.raises(ValueError, match="logits.*softmax"):
        kl.GloroModel(small_classifier(activation="softmax"), 0.1)


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="Expected a Keras model"):
        kl.GloroModel("resnet", 0.1)


@pytest.mark.parametrize(
    "labels", [np.full(96, 3), np.full(96, -1), np.zeros((96, 2)), "many"]
)
def test_bad_labels(model, data, labels):
    model.compile("sgd", loss="gloro_crossentropy")
    if isinstance(labels, str):
        labels = np.zeros((96, 3, 1))
    before = model.get_weights()
    with pytest.raises(ValueError, match="Expected labels.*Received"):
        model.fit(data[0], labels, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("bound", [None, kl.bounds.LocalLipschitz()])
def test_inputs_of_another_shape_are_refused(bound):
    # Scales would broadcast them to another input.
    base = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Rescaling([1.0, 2.0, 1.0, 2.0]),
            keras.layers.Dense(3),
        ]
    )
    model = kl.GloroModel(base, 0.1, bound=bound)
    with pytest.raises(ValueError, match=r"\(None, 4\).*Received.*\(5, 1\)"):
        model.predict_certified(np.ones((5, 1)))


def test_an_axis_of_length_one_may_be_missing(model, data):
    x, _ = data
    expected = model.certified_radius(x)
    np.testing.assert_array_equal(model.certified_radius(x[..., 0]), expected)


def test_copied_layer_by_layer_is_refused(model, data):
    with pytest.raises(ValueError, match="bottom_logit.*from_config"):
        keras.models.clone_model(model)
    copy = kl.GloroModel.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        copy.certified_radius(data[0]), model.certified_radius(data[0])
    )
