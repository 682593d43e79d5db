"""Operators do what the layers do."""

import keras
import numpy as np
import pytest
from keras import layers
from random_layers import random_convolution
from random_layers import random_operator

from keras_lipschitz.certification.norms.operators import ConvolutionOperator
from keras_lipschitz.certification.norms.operators import DiagonalOperator
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.ops.linear_maps import BlockDenseMap
from keras_lipschitz.ops.linear_maps import ConvolutionMap
from keras_lipschitz.ops.linear_maps import DiagonalMap
from keras_lipschitz.ops.linear_maps import LinearMap
from keras_lipschitz.propagation.registry import linear_map_of

CASES = {
    "dense": (layers.Dense(3), (5,)),
    "conv1d": (layers.Conv1D(3, 4, strides=2, padding="same"), (9, 2)),
    "causal": (
        layers.Conv1D(3, 3, dilation_rate=2, padding="causal"),
        (9, 2),
    ),
    "even": (layers.Conv2D(3, 4, strides=2, padding="same"), (7, 8, 2)),
    "oblong": (
        layers.Conv2D(3, (5, 3), strides=(1, 2), padding="same"),
        (4, 9, 2),
    ),
    "valid": (layers.Conv2D(3, (2, 3), strides=3), (7, 8, 2)),
    "stride over taps": (
        layers.Conv2D(2, 1, strides=3, padding="same"),
        (7, 8, 2),
    ),
    "taps over input": (layers.Conv2D(2, 5, padding="same"), (3, 2, 2)),
    "one pixel": (layers.Conv2D(2, 3, padding="same"), (1, 1, 4)),
    "dilation": (
        layers.Conv2D(3, 3, dilation_rate=(2, 1), padding="same"),
        (7, 6, 2),
    ),
    "groups": (layers.Conv2D(6, 3, groups=3, padding="same"), (5, 6, 6)),
    "depthwise": (
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
        (5, 6, 3),
    ),
    "depthwise1d": (layers.DepthwiseConv1D(4, strides=2), (9, 3)),
    "conv3d": (
        layers.Conv3D(2, (2, 3, 1), strides=(2, 1, 1), padding="same"),
        (5, 4, 3, 2),
    ),
}


@pytest.mark.multi_backend
@pytest.mark.parametrize("name", CASES)
def test_operator_of_layer(name):
    layer, shape = CASES[name]
    layer = type(layer).from_config(layer.get_config())
    layer.build((None, *shape))
    operator = operator_of(linear_map_of(layer, (None, *shape)))
    x = np.random.default_rng(0).standard_normal((1, *shape))
    y = keras.ops.convert_to_numpy(layer(x.astype("float32")))
    assert operator.shape == (y.size, x.size)
    np.testing.assert_allclose(operator.matvec(x.ravel()), y.ravel(), atol=2e-5)


@pytest.mark.parametrize("seed", range(60))
def test_matrix_and_adjoint(seed):
    rng = np.random.default_rng(seed)
    operator = random_operator(rng)
    operator = operator.with_entries(
        rng.standard_normal(operator.entries.shape)
    )
    rows, columns = operator.shape
    matrix = operator.dense()
    assert matrix.shape == (rows, columns)
    x, y = rng.standard_normal(columns), rng.standard_normal(rows)
    np.testing.assert_allclose(operator.matvec(x), matrix @ x, atol=1e-12)
    np.testing.assert_allclose(operator.rmatvec(y), y @ matrix, atol=1e-12)
    counts = operator.with_entries(np.ones_like(operator.entries)).dense()
    assert counts.sum(axis=1).max(initial=0) <= operator.terms


@pytest.mark.parametrize("seed", range(60))
def test_trimming_changes_nothing(seed):
    operator = random_convolution(np.random.default_rng(seed))
    trimmed = operator.trimmed()
    if trimmed.kernel.size:
        assert trimmed.output_size == operator.output_size
        np.testing.assert_array_equal(trimmed.dense(), operator.dense())
    else:
        assert not operator.dense().any()


def test_trimming_drops_what_meets_padding_only():
    conv = ConvolutionOperator(
        np.ones((5, 5, 1, 1)), (1, 2), (1, 1), ((2, 2), (2, 2)), (1, 1)
    )
    assert conv.trimmed().kernel.shape == (1, 3, 1, 1)


def test_trimming_drops_zeros():
    """As in a causal convolution that is written as a longer one."""
    kernel = np.zeros((5, 1, 1))
    kernel[1:3] = 1.0
    conv = ConvolutionOperator(kernel, (8,), (1,), ((2, 2),), (1,))
    assert conv.trimmed().kernel.shape == (2, 1, 1)
    np.testing.assert_array_equal(conv.trimmed().dense(), conv.dense())


def test_channels_first_is_a_permutation():
    kernel = np.random.default_rng(0).standard_normal((3, 3, 2, 4))

    def convolution(data_format, input_shape, output_shape):
        return operator_of(
            ConvolutionMap(
                lambda: kernel,
                input_shape,
                output_shape,
                (1, 1),
                "same",
                (1, 1),
                1,
                data_format,
            )
        )

    first = convolution("channels_first", (2, 5, 6), (4, 5, 6))
    last = convolution("channels_last", (5, 6, 2), (5, 6, 4))
    np.testing.assert_array_equal(first.dense(), last.dense())


def test_kernels_are_read_exactly():
    value = np.float32(0.1)
    operator = operator_of(
        DiagonalMap(lambda: keras.ops.array([value]), (1,), (1,))
    )
    assert isinstance(operator, DiagonalOperator)
    assert operator.factors.dtype == "float64"
    assert operator.factors[0] == float(value)


def test_blocks():
    kernel = np.random.default_rng(0).standard_normal((3, 2, 4))
    operator = operator_of(BlockDenseMap(lambda: kernel, (3, 2), (3, 4)))
    x = np.random.default_rng(1).standard_normal((3, 2))
    expected = np.einsum("bi,bio->bo", x, kernel)
    np.testing.assert_allclose(operator.matvec(x.ravel()), expected.ravel())
    np.testing.assert_allclose(operator.dense() @ x.ravel(), expected.ravel())


def test_unknown_maps_and_paddings_are_refused():
    with pytest.raises(ValueError, match="Received: LinearMap"):
        operator_of(LinearMap(lambda: np.ones(2), (2,), (2,)))
    with pytest.raises(ValueError, match="Received: 'reflect'"):
        operator_of(
            ConvolutionMap(
                lambda: np.ones((3, 1, 1)),
                (5, 1),
                (5, 1),
                (1,),
                "reflect",
                (1,),
                1,
                "channels_last",
            )
        )
