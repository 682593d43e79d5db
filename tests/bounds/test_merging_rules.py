"""Branches that are joined."""

import keras
import numpy as np
import pytest
from brute_force import bound_of
from brute_force import infer
from brute_force import matrix_of
from brute_force import norm
from keras import layers

TWO = [
    layers.Add,
    layers.Subtract,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
]


def dense(kernel):
    layer = layers.Dense(len(kernel[0]), use_bias=False)
    layer.build((None, len(kernel)))
    layer.set_weights([np.array(kernel)])
    return layer


def joined(merge, *kernels):
    x = keras.Input((len(kernels[0]),))
    return keras.Model(x, merge()([dense(k)(x) for k in kernels]))


def expected(merge, a, b):
    if merge in (layers.Add, layers.Subtract):
        return a + b
    if merge is layers.Average:
        return (a + b) / 2
    return np.hypot(a, b)


@pytest.mark.multi_backend
@pytest.mark.parametrize("merge", TWO)
def test_formula(merge):
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 3, 4))
    assert bound_of(joined(merge, a, b)) == pytest.approx(
        expected(merge, norm(a), norm(b)), rel=1e-5
    )


@pytest.mark.parametrize(
    "merge, a, b",
    [
        (layers.Add, [[3, 0], [0, 1]], [[2, 0], [0, 1]]),
        (layers.Subtract, [[3, 0], [0, 1]], [[-2, 0], [0, 1]]),
        (layers.Average, [[3, 0], [0, 1]], [[2, 0], [0, 1]]),
        (layers.Concatenate, [[3, 0], [0, 1]], [[2, 0], [0, 1]]),
    ],
)
def test_is_attained_by_aligned_branches(merge, a, b):
    model = joined(merge, a, b)
    truth = norm(matrix_of(lambda x: infer(model, x), (2,)))
    assert bound_of(model) == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("merge", [layers.Maximum, layers.Minimum])
def test_is_attained_where_each_branch_rules_half(merge):
    # At (1, -1) the first branch is larger left and the second right.
    sign = 1 if merge is layers.Maximum else -1
    a, b = [[4.0, 0.0], [0.0, 0.0]], [[0.0, 3.0], [0.0, 0.0]]
    model = joined(merge, a, b)
    moved = infer(model, [[1e-3 * sign, 0.0]]) - infer(model, [[0.0, 0.0]])
    assert norm(moved) / 1e-3 == pytest.approx(5.0, rel=1e-5)
    assert bound_of(model) == pytest.approx(5.0, rel=1e-6)


@pytest.mark.parametrize("merge", TWO)
def test_is_never_passed(merge):
    generator = np.random.default_rng(1)
    model = joined(merge, *generator.normal(size=(2, 5, 3)))
    x, y = generator.normal(size=(2, 400, 5))
    y = x + 10.0 ** generator.uniform(-3, 1, (400, 1)) * y
    moved = np.linalg.norm(infer(model, x) - infer(model, y), axis=1)
    assert (
        moved <= bound_of(model) * np.linalg.norm(x - y, axis=1) * (1 + 1e-3)
    ).all()


@pytest.mark.multi_backend
def test_the_same_tensor_twice():
    x = keras.Input((3,))
    assert bound_of(keras.Model(x, layers.Add()([x, x]))) == 2.0
    assert bound_of(keras.Model(x, layers.Add()([x, x, x]))) == 3.0
    two = keras.Model(x, layers.Concatenate()([x, x]))
    assert bound_of(two) == pytest.approx(2**0.5, rel=1e-12)


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "small, truth",
    [((1, 4), 1 + 3**0.5), ((3, 1), 1 + 4**0.5), ((4,), 1 + 3**0.5)],
)
def test_an_entry_that_is_copied_counts_every_time(small, truth):
    x = keras.Input((12,))
    large = layers.Reshape((3, 4))(x)
    less = layers.Dense(int(np.prod(small)), use_bias=False)
    y = layers.Reshape(small)(less(x))
    model = keras.Model(x, layers.Add()([large, y]))
    less.set_weights([np.eye(12)[:, : int(np.prod(small))]])
    assert bound_of(model) == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize(
    "model, said",
    [
        (lambda x: layers.Multiply(name="m")([x, x]), "'m'.*Multiply"),
        (lambda x: layers.Dot(1, name="m")([x, x]), "'m'.*Dot"),
        (
            lambda x: layers.Concatenate(0, name="m")([x, x]),
            "'m'.*samples of the batch",
        ),
        (
            lambda x: layers.Add(name="m")([layers.ReLU()(x), x]),
            "'m'.*fixed size",
        ),
    ],
)
def test_refuses(model, said):
    x = keras.Input((None, 3) if "fixed" in said else (3,))
    with pytest.raises(ValueError, match=said):
        bound_of(keras.Model(x, model(x)))
