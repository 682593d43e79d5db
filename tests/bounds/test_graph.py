"""The walk over the graph of a model."""

import keras
import numpy as np
import pytest
from brute_force import Logits
from brute_force import bound_of
from brute_force import infer
from brute_force import matrix_of
from brute_force import norm
from keras import layers

from keras_lipschitz.bounds import Composition
from keras_lipschitz.propagation.graph import trace


def dense(units, seed=0, **kwargs):
    initializer = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
    return layers.Dense(units, kernel_initializer=initializer, **kwargs)


def size(layer):
    return norm(keras.ops.convert_to_numpy(layer.kernel))


def jacobian_norm(model):
    """The true constant of a linear model."""
    return norm(matrix_of(lambda x: infer(model, x), model.input_shape[1:]))


def test_names_and_order_of_the_steps():
    inner_x = keras.Input((3,))
    inner = keras.Model(inner_x, dense(3)(layers.ReLU()(inner_x)), name="in")
    x = keras.Input((3,))
    y = layers.Add(name="sum")([inner(x), x])
    graph = trace(keras.Model(x, layers.Identity(name="last")(y)))
    names = [step.name for step in graph.steps]
    assert names[0].startswith("in/re_lu") and names[1].startswith("in/dense")
    assert names[2:] == ["sum", "last"]
    first, last = graph.steps[0], graph.steps[-1]
    assert first.inputs == (graph.input,) and last.outputs == (graph.output,)
    assert first.input_shapes == ((None, 3),)


@pytest.mark.multi_backend
def test_chain():
    first, second = dense(5, 1), dense(4, 2)
    model = keras.Sequential([keras.Input((3,)), first, second])
    bound = bound_of(model)
    assert bound == pytest.approx(size(first) * size(second), rel=1e-5)
    assert bound >= jacobian_norm(model)


@pytest.mark.multi_backend
def test_residual_block():
    branch = dense(4)
    x = keras.Input((4,))
    model = keras.Model(x, layers.Add()([x, branch(x)]))
    assert bound_of(model) == pytest.approx(1 + size(branch), rel=1e-5)
    assert bound_of(model) >= jacobian_norm(model)
    # Attained where the branch only stretches.
    branch.set_weights([np.diag([3.0, 1.0, 0.5, 0.0]), np.zeros(4)])
    assert bound_of(model) == pytest.approx(jacobian_norm(model), rel=1e-6)


@pytest.mark.multi_backend
def test_diamond_of_a_shared_layer():
    shared, left, right = dense(4, 1), dense(4, 2), dense(4, 3)
    x = keras.Input((4,))
    a, b = shared(left(x)), shared(right(x))
    model = keras.Model(x, layers.Concatenate()([a, b, x]))
    expected = np.sqrt(
        (size(shared) * size(left)) ** 2 + (size(shared) * size(right)) ** 2 + 1
    )
    assert bound_of(model) == pytest.approx(expected, rel=1e-5)
    assert bound_of(model) >= jacobian_norm(model)


@pytest.mark.multi_backend
def test_a_shared_layer_counts_for_every_use():
    shared = dense(4)
    x = keras.Input((4,))
    model = keras.Model(x, shared(shared(shared(x))))
    assert bound_of(model) == pytest.approx(size(shared) ** 3, rel=1e-5)
    composition = Composition(keras.Model(x, Logits()(model.output)))
    assert len(composition.linear_maps) == 1


def test_a_layer_shared_by_inputs_of_two_sizes_has_two_maps():
    shared = layers.Conv1D(2, 3, padding="same")
    x = keras.Input((8, 2))
    a = layers.Flatten()(shared(x))
    b = layers.Flatten()(shared(layers.Cropping1D(2)(x)))
    y = Logits()(layers.Concatenate()([a, b]))
    assert len(Composition(keras.Model(x, y)).linear_maps) == 2
    model = keras.Model(x, layers.Concatenate()([a, b]))
    assert bound_of(model) >= jacobian_norm(model)


@pytest.mark.multi_backend
def test_nested_models():
    inner = keras.Sequential([keras.Input((4,)), dense(4, 1)], name="inner")
    x = keras.Input((4,))
    middle = keras.Model(x, layers.Add()([inner(x), x]), name="middle")
    x = keras.Input((4,))
    # Entered twice, and once more from the side.
    y = layers.Concatenate()([middle(middle(x)), inner(x)])
    model = keras.Model(x, y)
    n = size(inner.layers[0])
    assert bound_of(model) == pytest.approx(np.hypot((1 + n) ** 2, n), rel=1e-5)
    assert bound_of(model) >= jacobian_norm(model)
    composition = Composition(keras.Model(x, Logits()(y)))
    (name,) = composition.names.values()
    assert name == f"middle/inner/{inner.layers[0].name}"


@pytest.mark.multi_backend
def test_nested_model_of_two_inputs_and_outputs():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    inner = keras.Model(
        [b, a], [layers.Rescaling(8.0)(b), layers.Rescaling(2.0)(a)]
    )
    x = keras.Input((2,))
    y = inner([layers.Rescaling(4.0)(x), x])
    model = keras.Model(x, layers.Concatenate()(y))
    assert bound_of(model) == pytest.approx(np.hypot(32, 2), rel=1e-6)
    assert bound_of(model) == pytest.approx(jacobian_norm(model), rel=1e-6)
    # Only one of them is used.
    model = keras.Model(x, inner([x, x])[1])
    assert bound_of(model) == pytest.approx(2.0, rel=1e-6)


def test_nested_model_called_by_name_is_refused():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    inner = keras.Model([b, a], layers.Rescaling(8.0)(b), name="inner")
    x = keras.Input((2,))
    y = inner({"a": layers.Rescaling(4.0)(x), "b": x})
    with pytest.raises(ValueError, match="'inner'.*one by one"):
        trace(keras.Model(x, y))


def test_nested_model_made_by_name():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    inner = keras.Model({"b": b, "a": a}, layers.Rescaling(8.0)(b))
    x = keras.Input((2,))
    y = inner({"b": layers.Rescaling(4.0)(x), "a": x})
    model = keras.Model(x, y)
    assert bound_of(model) == pytest.approx(32.0, rel=1e-6)


def test_part_of_a_model():
    x = keras.Input((3,))
    h = layers.ReLU()(layers.Rescaling(5.0)(x))
    y = layers.Rescaling(2.0)(h)
    assert bound_of(keras.Model(x, h)) == pytest.approx(5.0, rel=1e-6)
    assert bound_of(keras.Model(h, y)) == pytest.approx(2.0, rel=1e-6)


def test_many_diamonds_are_walked_once():
    x = y = keras.Input((2,))
    for _ in range(60):
        y = layers.Average()([layers.ReLU()(y), layers.ReLU()(y)])
    assert bound_of(keras.Model(x, y)) == 1.0


def test_model_built_by_a_call():
    model = keras.Sequential([dense(3), layers.ReLU(), dense(2)])
    model(np.zeros((1, 4), "float32"))
    expected = size(model.layers[0]) * size(model.layers[2])
    assert bound_of(model) == pytest.approx(expected, rel=1e-5)


@pytest.mark.multi_backend
def test_inference_mode_is_allowed():
    x = keras.Input((4,))
    y = layers.BatchNormalization()(x, training=False)
    y = layers.RandomFlip()(layers.Reshape((2, 2, 1))(y))
    assert bound_of(keras.Model(x, y)) == pytest.approx(
        (1 + 1e-3) ** -0.5, rel=1e-5
    )


class Named(keras.Model):
    """A functional model by another name."""


def test_a_subclass_without_a_call_of_its_own():
    x = keras.Input((2,))
    assert bound_of(Named(x, layers.RepeatVector(4)(x))) == 2.0


class Own(keras.Model):
    def __init__(self):
        super().__init__(name="own")
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


class OwnSequential(keras.Sequential):
    def call(self, x):
        return 10 * super().call(x)


def own():
    model = Own()
    model(np.zeros((1, 3), "float32"))
    return model


def of(function, shape=(4,)):
    x = keras.Input(shape)
    return keras.Model(x, function(x), name="model")


BAD = [
    (lambda: keras.Sequential([layers.Dense(2)], name="s"), "'s'.*no weights"),
    (own, "'own'.*subclass Own"),
    (lambda: of(own(), (3,)), "'own'.*subclass Own"),
    (lambda: OwnSequential([keras.Input((3,)), layers.Dense(2)]), "subclass"),
    (lambda: layers.Dense(2), "Expected a Keras model.*Dense"),
    (lambda: of(lambda x: [x, x]), "'model' with 1 inputs and 2 outputs"),
    (
        lambda: keras.Model(
            [keras.Input((2,)), x := keras.Input((2,))], x, name="model"
        ),
        "'model' with 2 inputs and 1 outputs",
    ),
    (
        lambda: of(lambda x: layers.Dropout(0.5, name="d")(x, training=True)),
        "'d'.*training=True",
    ),
    (
        lambda: of(
            of(lambda x: layers.Dropout(0.5, name="d")(x, training=True))
        ),
        "'model/d'.*training=True",
    ),
    (
        lambda: of(
            lambda x: layers.BatchNormalization(name="b")(
                x, mask=np.ones(4, bool)
            )
        ),
        "'b'.*more than tensors",
    ),
]


@pytest.mark.parametrize("make, said", BAD)
def test_refuses_by_name(make, said):
    with pytest.raises(ValueError, match=said):
        Composition(make())
