"""From layers to a classifier."""

import keras
import numpy as np
import pytest
from brute_force import bound_of
from brute_force import infer
from brute_force import norm_of
from keras import layers
from keras import ops

import keras_lipschitz as kl
from keras_lipschitz.bounds import Composition
from keras_lipschitz.certification.rounding import UpperBound
from keras_lipschitz.propagation.registry import linear_map_of


def classifier(*body, shape=(4,), last=None):
    last = last or layers.Dense(3, name="last")
    return keras.Sequential([keras.Input(shape), *body, last], name="model")


def test_the_last_dense_is_the_head():
    composition = Composition(classifier(layers.Dense(5), layers.ReLU()))
    assert composition.head.name == "last"
    assert composition.head_map.input_shape == (5,)
    assert composition.classes == 3
    assert len(composition.linear_maps) == 1


def test_an_einsum_dense_may_be_the_head():
    last = layers.EinsumDense("abc,bcd->ad", 3)
    model = classifier(layers.Reshape((2, 2)), last=last)
    composition = Composition(model)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(composition.head_map.kernel),
        last.get_weights()[0].reshape(4, 3),
    )


def test_the_head_may_be_shared_with_the_body():
    shared = layers.Dense(3)
    model = classifier(shared, shape=(3,), last=shared)
    composition = Composition(model)
    assert len(composition.linear_maps) == 1
    assert composition.head.inputs != (composition.graph.input,)


def test_without_a_dense_at_the_end_there_is_no_head():
    model = classifier(layers.Dense(3), last=layers.Activation("linear"))
    composition = Composition(model)
    assert composition.head is None
    assert composition.body_constant({k: 2.0 for k in composition.linear_maps})


BAD_ENDS = [
    (layers.Dense(3, activation="softmax", name="last"), "'last'.*'softmax'"),
    (layers.Dense(3, activation="sigmoid", name="last"), "'last'.*'sigmoid'"),
    (layers.Softmax(name="last"), "'last'.*'softmax'"),
    (layers.Activation("softmax", name="last"), "'last'.*'softmax'"),
    (layers.Dense(3, activation=layers.Softmax(), name="last"), "'last'.*Soft"),
    (
        layers.Dense(3, activation=lambda x: 9 * x, name="last"),
        "'last'.*lambda",
    ),
    (layers.Dense(1), "two classes or more"),
    (layers.Reshape((2, 2)), "logits of shape"),
]


@pytest.mark.parametrize("last, said", BAD_ENDS)
def test_refuses_what_does_not_end_in_logits(last, said):
    with pytest.raises(ValueError, match=said):
        Composition(classifier(last=last))


def linear(x):
    return 100.0 * x


def test_a_function_called_linear_is_not_taken_for_linear():
    with pytest.raises(ValueError, match="'last' applies 'linear'"):
        Composition(classifier(last=layers.Dense(3, linear, name="last")))


class OwnDense(layers.Dense):
    def call(self, x):
        return 10.0 * super().call(x)


UNKNOWN = [
    (layers.LayerNormalization(name="l"), "'l'.*LayerNormalization"),
    (layers.Lambda(lambda x: x, name="l"), "'l'.*Lambda"),
    (OwnDense(4, name="l"), "'l'.*OwnDense"),
    (layers.UnitNormalization(name="l"), "'l'.*UnitNormalization"),
    (layers.Masking(name="l"), "'l'.*Masking"),
    (
        layers.SpectralNormalization(layers.Dense(4), name="l"),
        "'l'.*SpectralNormalization",
    ),
]


@pytest.mark.parametrize("layer, said", UNKNOWN)
def test_refuses_an_unknown_layer(layer, said):
    with pytest.raises(ValueError, match=said):
        Composition(classifier(layer))


def test_refuses_a_layer_of_a_nested_model_by_its_full_name():
    inner = classifier(layers.LayerNormalization(name="l"))
    with pytest.raises(ValueError, match="'model/l'"):
        Composition(classifier(inner))


@pytest.mark.parametrize(
    "function, said",
    [
        (lambda x: x * 2.0, "Multiply outside of a layer"),
        (lambda x: x + x, "Add outside of a layer"),
        (keras.ops.relu, "Relu outside of a layer"),
        (keras.activations.relu, "ReLU outside of a layer"),
        (lambda x: layers.Identity(name="i")([x, x])[0], "'i'.*2 tensors"),
    ],
)
def test_refuses_what_is_not_a_layer_of_one_input(function, said):
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(3)(function(x)))
    with pytest.raises(ValueError, match=said):
        Composition(model)


def test_refuses_a_layer_that_was_quantised_later():
    dense = layers.Dense(5, name="dense")
    composition = Composition(classifier(dense))
    dense.quantize("int8")
    with pytest.raises(ValueError, match="'dense' computes in int8"):
        composition.body_constant(dict.fromkeys(composition.linear_maps, 1.0))


def network():
    """Most of the rules in one graph."""
    keras.utils.set_random_seed(0)
    x = keras.Input((12, 12, 2))
    y = layers.Rescaling(1 / 3)(x)
    y = layers.Conv2D(4, 3, 2, "same", activation="elu")(y)
    y = layers.BatchNormalization()(y)
    branch = layers.Conv2D(4, 3, padding="same", activation="gelu")(y)
    y = layers.Add()([y, branch])
    y = layers.Concatenate()(
        [layers.MaxPooling2D(3, 1)(y), layers.AveragePooling2D(3, 1)(y)]
    )
    y = layers.PReLU(keras.initializers.Constant(0.3), shared_axes=[1, 2])(y)
    y = layers.EinsumDense("abcd,de->abce", (4, 4, 5))(y)
    y = layers.Maximum()([y, layers.ZeroPadding2D(1)(layers.Cropping2D(1)(y))])
    return x, layers.GlobalAveragePooling2D()(y)


def test_a_network_never_moves_faster_than_its_bound():
    model = keras.Model(*network())
    bound = bound_of(model)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 12, 12, 2))
    step = 10.0 ** generator.uniform(-2, 1, (200, 1, 1, 1)) * (
        generator.normal(size=x.shape)
    )
    moved = np.linalg.norm(infer(model, x) - infer(model, x + step), axis=1)
    length = np.linalg.norm(step.reshape(200, -1), axis=1)
    assert (moved <= bound * length).all()


@pytest.mark.multi_backend
def test_the_estimate_of_the_same_walk_converges_to_it():
    x, y = network()
    model = keras.Model(x, layers.Dense(3)(y))
    margin_bound = kl.bounds.GlobalLipschitz(power_iterations=50)
    margin_bound.attach(model)
    norms = margin_bound.estimated_norms()
    estimate = margin_bound.composition.body_constant(norms)
    estimate = float(ops.convert_to_numpy(estimate))
    expected = bound_of(keras.Model(x, y))
    assert 0.98 * expected <= estimate <= expected * (1 + 1e-5)


def test_upper_bounds_stay_upper_bounds():
    """All arithmetic of the rules is that of what is given as `one`."""
    x, y = network()
    composition = Composition(keras.Model(x, layers.Dense(3)(y)))
    norms = {k: norm_of(m) for k, m in composition.linear_maps.items()}
    plain = composition.constants(norms)
    norms = {k: UpperBound(norm) for k, norm in norms.items()}
    upper = composition.constants(norms, UpperBound(1.0))
    assert plain.keys() == upper.keys()
    for tensor, constant in upper.items():
        assert type(constant) is UpperBound
        assert plain[tensor] * (1 - 1e-14) <= constant
        assert constant <= plain[tensor] * (1 + 1e-12)


def test_the_kernel_is_read_anew():
    dense = layers.Dense(5)
    Composition(classifier(dense))
    linear_map = linear_map_of(dense, (None, 4))
    dense.set_weights([np.full((4, 5), 2.0), np.zeros(5)])
    assert norm_of(linear_map) == pytest.approx(2 * 20**0.5, rel=1e-6)


@pytest.mark.multi_backend
def test_a_model_that_is_called_does_not_augment():
    """Keras writes `training=True` into the call of augmentation layers."""
    x = keras.Input((6, 6, 1))
    y = layers.Dropout(0.5)(layers.RandomBrightness(0.9)(x))
    base = keras.Model(x, layers.Dense(3)(layers.Flatten()(y)))
    model = kl.GloroModel(base, epsilon=0.1)
    images = np.random.default_rng(0).random((2, 6, 6, 1)).astype("float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(images)),
        model.predict(images, verbose=0),
        rtol=1e-5,
    )
