"""Rules of the user's own."""

import keras
import numpy as np
import pytest
from brute_force import bound_of
from brute_force import bound_of_layer
from keras import layers
from keras import ops

import keras_lipschitz
from keras_lipschitz.propagation import registry


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    monkeypatch.setattr(registry, "_RULES", dict(registry._RULES))
    monkeypatch.setattr(registry, "_LINEAR_MAPS", dict(registry._LINEAR_MAPS))


class Twice(layers.Layer):
    def call(self, x):
        return 2.0 * x


class Sum(layers.Layer):
    def call(self, inputs):
        return sum(inputs[1:], start=inputs[0])


def suggestion(error):
    """The call that an error message shows."""
    lines = str(error.value).splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith("    "))


@pytest.mark.multi_backend
def test_the_call_that_an_error_shows_works():
    with pytest.raises(ValueError, match="'mine'.*Twice") as error:
        bound_of_layer(Twice(name="mine"), (3,))
    code = suggestion(error)
    exec(code, {"keras_lipschitz": keras_lipschitz, "Twice": Twice})
    assert bound_of_layer(Twice(), (3,)) == 1.0
    code = code.replace("1.0 *", "2.0 *")
    exec(code, {"keras_lipschitz": keras_lipschitz, "Twice": Twice})
    assert bound_of_layer(Twice(), (3,)) == 2.0


@pytest.mark.parametrize("inputs", [2, 3, 9])
def test_the_call_for_a_layer_of_several_inputs_works(inputs):
    x = keras.Input((3,))
    model = keras.Model(x, Sum()([x] * inputs))
    with pytest.raises(ValueError, match="Sum") as error:
        bound_of(model)
    code = suggestion(error)
    exec(code, {"keras_lipschitz": keras_lipschitz, "Sum": Sum})
    assert bound_of(model) == inputs


def test_a_rule_for_another_number_of_inputs():
    @keras_lipschitz.register_rule(Sum)
    def rule(layer, x, y):
        return x.constant + y.constant

    x = keras.Input((3,))
    assert bound_of(keras.Model(x, Sum()([x, x]))) == 2.0
    with pytest.raises(ValueError, match="'mine'.*reads 3 tensors"):
        bound_of(keras.Model(x, Sum(name="mine")([x, x, x])))


def test_a_rule_holds_for_the_exact_type():
    class Thrice(Twice):
        pass

    @keras_lipschitz.register_rule(Twice)
    def rule(layer, x):
        return 2.0 * x.constant

    with pytest.raises(ValueError, match="Thrice"):
        bound_of_layer(Thrice(), (3,))


@pytest.mark.multi_backend
def test_a_linear_map_of_the_users_own():
    class Matrix(layers.Layer):
        def build(self, input_shape):
            self.matrix = self.add_weight(shape=(input_shape[-1], 2))

        def call(self, x):
            return ops.matmul(x, self.matrix)

    @keras_lipschitz.register_linear_map(Matrix)
    def linear_map(layer, input_shape):
        return keras_lipschitz.ops.DenseMap(
            lambda: layer.matrix, (input_shape[-1],), (2,)
        )

    layer = Matrix()
    layer.build((None, 3))
    layer.set_weights([np.array([[0, 3], [4, 0], [0, 0]])])
    assert bound_of_layer(layer, (3,)) == pytest.approx(4.0, rel=1e-6)


class Half(keras_lipschitz.layers.LipschitzLayer, layers.Layer):
    def call(self, x):
        return 0.5 * x

    def lipschitz_constant(self):
        return 0.5


class FiveTimesHalf(Half):
    def call(self, x):
        return 5.0 * super().call(x)


class TenTimesDense(keras_lipschitz.layers.LipschitzDense):
    def call(self, x):
        return 10.0 * super().call(x)


def test_a_lipschitz_layer_needs_no_rule():
    assert bound_of_layer(Half(), (3,)) == 0.5


@pytest.mark.parametrize(
    "layer, said",
    [
        (FiveTimesHalf(name="l"), "'l'.*lipschitz_constant.*Half"),
        (TenTimesDense(3, name="l"), "'l'.*linear_map.*LipschitzDense"),
    ],
)
def test_a_subclass_with_a_call_of_its_own_is_refused(layer, said):
    with pytest.raises(ValueError, match=said):
        bound_of_layer(layer, (3,))


def test_a_subclass_that_tells_its_own_constant():
    class FifthOfHalf(Half):
        def call(self, x):
            return 0.2 * super().call(x)

        def lipschitz_constant(self):
            return 0.1

    class Renamed(Half):
        pass

    assert bound_of_layer(FifthOfHalf(), (3,)) == 0.1
    assert bound_of_layer(Renamed(), (3,)) == 0.5
