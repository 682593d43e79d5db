"""MinMax and GroupSort: values and gradients of a permutation."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from linear_truth import gradient_in_input

from keras_lipschitz.layers import GroupSort
from keras_lipschitz.layers import MinMax
from keras_lipschitz.ops.group_sort import comparisons
from keras_lipschitz.ops.sort_pair import select_pair
from keras_lipschitz.ops.sort_pair import sort_pair


def pairs_of(pairing, channels):
    half = channels // 2
    if pairing == "halves":
        return [(i, i + half) for i in range(half)]
    return [(2 * i, 2 * i + 1) for i in range(half)]


def slow_min_max(x, pairing, axis):
    """Values, and for every entry of the output where it comes from."""
    x = np.moveaxis(x, axis, -1)
    source = np.broadcast_to(np.arange(x.shape[-1]), x.shape).copy()
    for index in np.ndindex(x.shape[:-1]):
        for i, j in pairs_of(pairing, x.shape[-1]):
            if x[(*index, i)] > x[(*index, j)]:
                source[(*index, i)], source[(*index, j)] = j, i
    return np.moveaxis(np.take_along_axis(x, source, -1), -1, axis), source


def pulled_back(upstream, source, axis):
    upstream = np.moveaxis(upstream, axis, -1)
    result = np.zeros_like(upstream)
    np.put_along_axis(result, source, upstream, -1)
    return np.moveaxis(result, -1, axis)


@pytest.mark.multi_backend
@pytest.mark.parametrize("pairing", ["halves", "adjacent"])
@pytest.mark.parametrize(
    "shape, axis, dtype",
    [
        ((5, 4), -1, "float16"),
        ((2, 3, 3, 6), -1, "float32"),
        ((2, 6, 3, 2), 1, "bfloat16"),
    ],
)
def test_min_max_and_its_gradient(shape, axis, pairing, dtype):
    random = np.random.default_rng(0)
    # Whole numbers: exact in every dtype, and many ties.
    x = random.integers(-3, 4, shape).astype("float32")
    upstream = random.integers(-99, 100, shape).astype("float32")
    layer = MinMax(pairing, axis=axis, dtype=dtype)
    truth, source = slow_min_max(x, pairing, axis)
    y = ops.cast(layer(ops.cast(x, dtype)), "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(y), truth)
    gradient = gradient_in_input(
        layer, ops.cast(x, dtype), ops.cast(upstream, dtype)
    )
    np.testing.assert_array_equal(
        gradient.astype("float32"), pulled_back(upstream, source, axis)
    )


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "group_size, axis",
    [(1, -1), (2, 1), (3, -1), (4, 1), (8, -1), (12, 1), (24, -1), (None, 1)],
)
def test_group_sort_and_its_gradient(group_size, axis):
    random = np.random.default_rng(0)
    x = random.permutation(2 * 24 * 24).reshape(2, 24, 24).astype("float32")
    upstream = random.normal(size=x.shape).astype("float32")
    layer = GroupSort(group_size, axis=axis)
    size = group_size or 24
    groups = np.moveaxis(x, axis, -1).reshape(2, 24, -1, size)
    order = np.argsort(groups, axis=-1)
    truth = np.take_along_axis(groups, order, -1).reshape(2, 24, 24)
    y = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    np.testing.assert_array_equal(np.moveaxis(y, axis, -1), truth)
    gradient = gradient_in_input(layer, ops.convert_to_tensor(x), upstream)
    moved = np.moveaxis(upstream, axis, -1).reshape(groups.shape)
    pulled = np.zeros_like(groups)
    np.put_along_axis(pulled, order, moved, -1)
    np.testing.assert_array_equal(
        np.moveaxis(gradient, axis, -1), pulled.reshape(2, 24, 24)
    )


def test_comparisons_sort_everything():
    """By the 0-1 principle: what sorts all bits sorts all numbers."""
    for n in range(1, 11):
        bits = np.array(list(itertools.product([0, 1], repeat=n))).T
        for i, j in comparisons(n):
            assert i < j
            bits[[i, j]] = (
                np.minimum(bits[i], bits[j]),
                np.maximum(bits[i], bits[j]),
            )
        assert (np.diff(bits, axis=0) >= 0).all()


@pytest.mark.multi_backend
def test_fast_pair_is_the_portable_one():
    random = np.random.default_rng(0)
    a, b, low, high = random.normal(size=(4, 50)).astype("float32")
    b[:10] = a[:10]
    for ours, portable in zip(sort_pair(a, b), select_pair(a, b), strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(ours), ops.convert_to_numpy(portable)
        )
    # A sum that rounds would show where the gradients of a pair are unequal.
    low *= 1e-9
    high[::5] = np.inf
    gradient = gradient_in_input(
        lambda x: ops.stack(sort_pair(x[0], x[1])),
        ops.stack([a, b]),
        ops.stack([low, high]),
    )
    truth = np.where(a > b, [high, low], [low, high])
    np.testing.assert_array_equal(gradient, truth)


@pytest.mark.multi_backend
@pytest.mark.parametrize("pairing", ["halves", "adjacent"])
def test_gradient_of_a_gradient(pairing):
    """A penalty on the gradient sees through the activation."""
    random = np.random.default_rng(0)
    kernel, x = random.normal(size=(2, 4, 4)).astype("float32")
    layer = MinMax(pairing)
    y, source = slow_min_max(x, pairing, -1)
    truth = 2 * pulled_back(2 * y, source, -1)
    ours = second_gradient(lambda x: ops.sum(ops.square(layer(x))), x)
    # The function is ||x||^2 in disguise: its gradient is 2 x, and that of
    # ||2 x||^2 is 8 x.
    np.testing.assert_allclose(ours, 2 * truth, rtol=1e-6)


def second_gradient(function, x):
    """The gradient of the squared length of the gradient."""
    backend = keras.backend.backend()
    x = ops.convert_to_tensor(x)
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x)
            squared = tf.reduce_sum(tf.square(inner.gradient(y, x)))
        return ops.convert_to_numpy(outer.gradient(squared, x))
    if backend == "jax":
        import jax

        inner = jax.grad(function)
        return np.asarray(jax.grad(lambda x: ops.sum(inner(x) ** 2))(x))
    import torch

    x = x.clone().requires_grad_()
    (inner,) = torch.autograd.grad(function(x), x, create_graph=True)
    (outer,) = torch.autograd.grad((inner**2).sum(), x)
    return ops.convert_to_numpy(outer)


@pytest.mark.multi_backend
@pytest.mark.parametrize("pairing", ["halves", "adjacent"])
def test_forward_mode(pairing):
    random = np.random.default_rng(0)
    x, tangent = random.normal(size=(2, 3, 4)).astype("float32")
    layer = MinMax(pairing)
    layer.build(x.shape)
    _, source = slow_min_max(x, pairing, -1)
    _, moved = ops.jvp(
        layer, (ops.convert_to_tensor(x),), (ops.convert_to_tensor(tangent),)
    )
    np.testing.assert_array_equal(
        ops.convert_to_numpy(moved), np.take_along_axis(tangent, source, -1)
    )


@pytest.mark.multi_backend
def test_nan_is_not_hidden():
    y = MinMax()(np.array([[np.nan, 1.0], [1.0, np.nan]], "float32"))
    assert np.isnan(ops.convert_to_numpy(y)).any(axis=1).all()


@pytest.mark.parametrize("layer", [MinMax(), GroupSort(2)])
def test_mask_is_passed_on(layer):
    x = keras.layers.Masking()(np.array([[[1.0, 2.0], [0.0, 0.0]]], "float32"))
    mask = layer(x)._keras_mask
    np.testing.assert_array_equal(ops.convert_to_numpy(mask), [[True, False]])


@pytest.mark.parametrize("pairing", ["halves", "adjacent"])
def test_odd_channels_are_refused(pairing):
    with pytest.raises(ValueError, match=r"even number.*\(2, 5\) with 5"):
        MinMax(pairing)(np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"axis 1.*\(2, 3, 4\)"):
        MinMax(pairing, axis=1)(np.zeros((2, 3, 4)))


def test_unknown_channels_are_refused():
    with pytest.raises(ValueError, match="even number.*None channels"):
        MinMax()(keras.Input((None,)))
    with pytest.raises(ValueError, match="multiple of 2 channels"):
        GroupSort(2)(keras.Input((None,)))


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"multiple of 3 channels.*\(2, 4\)"):
        GroupSort(3)(np.zeros((2, 4)))


@pytest.mark.parametrize("group_size", [0, -1, 1.5, "2"])
def test_bad_group_size_is_refused(group_size):
    with pytest.raises(ValueError, match="positive integer or None"):
        GroupSort(group_size)


def test_bad_pairing_is_refused():
    with pytest.raises(ValueError, match="'halves' or 'adjacent'.*'pairs'"):
        MinMax("pairs")


@pytest.mark.parametrize("layer", [MinMax(), GroupSort(2)])
def test_any_spatial_size(layer):
    model = keras.Sequential([keras.Input((None, None, 4)), layer])
    assert model.output_shape == (None, None, None, 4)
    assert model.predict(np.ones((2, 3, 5, 4)), verbose=0).shape == (2, 3, 5, 4)
