"""The power method of every linear layer against the SVD of its matrix."""

import keras
import numpy as np
import pytest
from keras import ops
from linear_truth import gradient_in_variable
from linear_truth import matrix_of

from keras_lipschitz.layers import LipschitzConv2D
from keras_lipschitz.layers import LipschitzDense
from keras_lipschitz.layers import LipschitzDepthwiseConv2D

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def case(layer_class, input_shape, *args, **kwargs):
    return pytest.param(
        layer_class,
        input_shape,
        args,
        kwargs,
        id=f"{layer_class.__name__}-{input_shape}-{args}-{kwargs}",
    )


CASES = [
    case(LipschitzDense, (7,), 5),
    case(LipschitzDense, (3,), 11),
    case(LipschitzDense, (1,), 1),
    case(LipschitzDense, (2, 4), 3),
    case(LipschitzConv2D, (5, 5, 2), 3, 3),
    case(LipschitzConv2D, (5, 5, 2), 3, 3, padding="same"),
    case(LipschitzConv2D, (6, 5, 2), 3, 2, padding="same"),
    case(LipschitzConv2D, (6, 5, 1), 4, 4, strides=2, padding="same"),
    case(LipschitzConv2D, (7, 6, 2), 2, 3, strides=2),
    case(LipschitzConv2D, (7, 6, 2), 2, (3, 2), strides=(1, 3), padding="same"),
    case(LipschitzConv2D, (7, 7, 2), 2, 3, dilation_rate=2, padding="same"),
    case(LipschitzConv2D, (7, 7, 1), 2, (2, 3), dilation_rate=(3, 2)),
    case(LipschitzConv2D, (5, 5, 4), 6, 3, groups=2, padding="same"),
    case(LipschitzConv2D, (5, 5, 4), 8, 2, groups=4, strides=2),
    case(LipschitzConv2D, (4, 4, 3), 5, 1),
    case(LipschitzConv2D, (3, 3, 2), 2, 5, padding="same"),
    case(LipschitzConv2D, (5, 5, 2), 3, 3, padding="same", activation="relu"),
    case(LipschitzDepthwiseConv2D, (5, 5, 3), 3),
    case(LipschitzDepthwiseConv2D, (5, 5, 3), 2, padding="same"),
    case(LipschitzDepthwiseConv2D, (6, 6, 2), 3, strides=2, padding="same"),
    case(LipschitzDepthwiseConv2D, (5, 5, 2), 3, depth_multiplier=3),
    case(LipschitzDepthwiseConv2D, (6, 6, 2), 2, dilation_rate=2),
]


def built(layer_class, input_shape, args, kwargs, positive=False):
    """A layer with a random kernel, and the matrix of its linear part.

    The largest singular value of a positive kernel, with channels of unequal
    weight, stands alone: singular vectors converge too, and soon.
    """
    layer = layer_class(*args, **kwargs)
    layer.build((None, *input_shape))
    kernel = np.random.default_rng(0).normal(size=layer.kernel.shape)
    if positive:
        inputs, outputs = kernel.shape[-2:]
        kernel = np.abs(kernel) * np.geomspace(1, 3, inputs)[:, None]
        kernel *= np.geomspace(1, 3, outputs)
    layer.kernel.assign(0.3 * kernel)
    activation, layer.activation = layer.activation, keras.activations.linear
    matrix = matrix_of(layer, input_shape)
    layer.activation = activation
    return layer, matrix


def norm_of(matrix):
    return np.linalg.svd(matrix, compute_uv=False)[0]


def converged(layer, input_shape):
    """The norm of the layer, iterated until it stands still."""
    linear_map, last = layer.linear_map((None, *input_shape)), 0.0
    for _ in range(30):
        norm = float(layer.power_iterate.advance(linear_map, 10))
        if abs(norm - last) <= 1e-6 * norm:
            break
        last = norm
    return norm


def check_converged(layer, matrix, input_shape):
    truth = norm_of(matrix)
    assert converged(layer, input_shape) == pytest.approx(truth, rel=1e-3)
    estimate = float(layer.lipschitz_constant(iterations=1))
    assert estimate == pytest.approx(truth, rel=1e-3)
    assert estimate <= truth * (1 + 1e-5)


@pytest.mark.parametrize("layer_class, input_shape, args, kwargs", CASES)
def test_estimate_converges_to_the_norm_from_below(
    layer_class, input_shape, args, kwargs
):
    layer, matrix = built(layer_class, input_shape, args, kwargs, positive=True)
    early = float(layer.lipschitz_constant(iterations=1))
    assert early <= norm_of(matrix) * (1 + 1e-5)
    check_converged(layer, matrix, input_shape)


@pytest.mark.multi_backend
@pytest.mark.parametrize("layer_class, input_shape, args, kwargs", CASES)
def test_linear_map_is_the_layer(layer_class, input_shape, args, kwargs):
    """What is iterated, and its adjoint, are the layer and its transpose."""
    layer, matrix = built(layer_class, input_shape, args, kwargs)
    linear_map = layer.linear_map((None, *input_shape))
    if layer_class is LipschitzDense:
        # Along further axes the same matrix acts again and again.
        copies = int(np.prod(input_shape[:-1]))
        matrix = matrix.reshape(copies, args[0], copies, -1)[0, :, 0]
    random = np.random.default_rng(0)
    x = random.normal(size=linear_map.input_shape).astype("float32")
    y = random.normal(size=linear_map.output_shape).astype("float32")
    image = linear_map.apply(ops.convert_to_tensor(x[None]), linear_map.kernel)
    pulled = linear_map.apply_adjoint(
        ops.convert_to_tensor(y[None]), linear_map.kernel
    )
    for ours, truth in [
        (image, matrix @ x.ravel()),
        (pulled, matrix.T @ y.ravel()),
    ]:
        ours = ops.convert_to_numpy(ours).ravel()
        np.testing.assert_allclose(ours, truth, atol=1e-5)


@pytest.mark.skipif(
    not ON_TENSORFLOW, reason="JAX convolves images in both formats alike"
)
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    "layer_class, args, kwargs",
    [
        (LipschitzConv2D, (4, 3), {"padding": "same"}),
        (LipschitzConv2D, (4, 2), {"strides": 2}),
        (LipschitzConv2D, (4, 3), {"groups": 2}),
        (LipschitzConv2D, (3, 2), {"dilation_rate": 2}),
        (LipschitzDepthwiseConv2D, (3,), {"padding": "same"}),
    ],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_compiled(layer_class, args, kwargs, data_format, jit_compile):
    import tensorflow as tf

    last = layer_class(*args, **kwargs, data_format="channels_last")
    last.build((None, 6, 5, 2))
    layer = layer_class(*args, **kwargs, data_format=data_format)
    layer.build(to_format((None, 6, 5, 2), data_format))
    layer.kernel.assign(last.kernel)
    u = last.power_iterate.vector.numpy()
    first = data_format == "channels_first"
    u = np.moveaxis(u, -1, 1) if first else u
    layer.power_iterate.vector.assign(u)
    estimate = tf.function(
        lambda: layer.lipschitz_constant(iterations=3), jit_compile=jit_compile
    )
    assert float(estimate()) == pytest.approx(
        float(last.lipschitz_constant(iterations=3)), rel=1e-5
    )


def to_format(shape, data_format):
    batch, height, width, channels = shape
    first = data_format == "channels_first"
    return (batch, channels, height, width) if first else shape


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "layer_class, input_shape, args, kwargs",
    [
        case(LipschitzDense, (6,), 4),
        case(LipschitzConv2D, (4, 4, 2), 2, 2, padding="same"),
        case(LipschitzConv2D, (5, 5, 2), 2, 2, groups=2, strides=2),
        case(LipschitzDepthwiseConv2D, (4, 4, 2), 2, padding="same"),
    ],
)
def test_gradient_is_that_of_the_norm(layer_class, input_shape, args, kwargs):
    layer, matrix = built(layer_class, input_shape, args, kwargs, positive=True)
    converged(layer, input_shape)
    gradient = gradient_in_variable(
        lambda: layer.lipschitz_constant(iterations=1), layer.kernel
    )
    left, _, right = np.linalg.svd(matrix)
    # The layer is linear in its kernel: the matrix of a unit kernel is the
    # derivative of the matrix.
    truth = np.zeros(gradient.size)
    for i in range(gradient.size):
        unit = np.zeros(gradient.size, "float32")
        unit[i] = 1.0
        layer.kernel.assign(unit.reshape(gradient.shape))
        truth[i] = left[:, 0] @ matrix_of(layer, input_shape) @ right[0]
    np.testing.assert_allclose(gradient.ravel(), truth, atol=2e-3)


@pytest.mark.multi_backend
@pytest.mark.parametrize("scale", [1e-5, 1e-3, 1e4])
@pytest.mark.parametrize(
    "layer_class, input_shape, args",
    [
        (LipschitzDense, (6,), (4,)),
        (LipschitzConv2D, (5, 5, 2), (3, 3)),
    ],
)
def test_scale_of_the_weights_does_not_matter(
    layer_class, input_shape, args, scale
):
    layer, matrix = built(layer_class, input_shape, args, {}, positive=True)
    layer.kernel.assign(layer.kernel * scale)
    check_converged(layer, matrix * scale, input_shape)


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "layer_class, input_shape, args",
    [
        (LipschitzDense, (6,), (4,)),
        (LipschitzConv2D, (5, 5, 2), (3, 3)),
    ],
)
def test_zero_kernel(layer_class, input_shape, args):
    """No NaN, and the iterate comes back when the kernel does."""
    layer, matrix = built(layer_class, input_shape, args, {}, positive=True)
    kernel = ops.convert_to_numpy(layer.kernel).copy()
    layer.kernel.assign(np.zeros_like(kernel))
    assert float(layer.lipschitz_constant()) <= 1e-12
    gradient = gradient_in_variable(layer.lipschitz_constant, layer.kernel)
    assert np.isfinite(gradient).all()
    layer.power_iterate.advance(layer.linear_map((None, *input_shape)))
    layer.kernel.assign(kernel)
    check_converged(layer, matrix, input_shape)


@pytest.mark.multi_backend
def test_iterate_survives_steps_of_training():
    """Warm starts follow weights that move a little at a time."""
    layer, _ = built(LipschitzConv2D, (5, 5, 2), (3, 3), {}, positive=True)
    linear_map = layer.linear_map((None, 5, 5, 2))
    converged(layer, (5, 5, 2))
    random = np.random.default_rng(0)
    for _ in range(20):
        move = 1e-3 * random.normal(size=layer.kernel.shape)
        layer.kernel.assign_add(move.astype("float32"))
        norm = layer.power_iterate.advance(linear_map)
    matrix = matrix_of(layer, (5, 5, 2))
    assert float(norm) == pytest.approx(norm_of(matrix), rel=1e-3)


@pytest.mark.multi_backend
def test_constant_is_that_of_float32_weights_under_mixed_precision():
    """As `GloroModel` reads it: from a float32 layer inside the model."""
    layer = LipschitzDense(4, dtype="mixed_float16")
    layer.build((None, 6))
    converged(layer, (6,))

    class Bound(keras.layers.Layer):
        def call(self, x):
            self.seen = layer.lipschitz_constant(iterations=1)
            return x

    class Model(keras.layers.Layer):
        def call(self, x):
            return bound(x)

    bound = Bound(dtype="float32")
    Model(dtype="mixed_float16")(np.zeros((1, 6), "float32"))
    truth = norm_of(ops.convert_to_numpy(layer.kernel))
    assert float(bound.seen) == pytest.approx(truth, rel=1e-5)


def test_unbuilt_layer_is_refused():
    with pytest.raises(ValueError, match="before it is built"):
        LipschitzDense(3, name="early").lipschitz_constant()


@pytest.mark.parametrize(
    "layer",
    [LipschitzConv2D(2, 3), LipschitzDepthwiseConv2D(3)],
    ids=lambda layer: type(layer).__name__,
)
def test_unknown_input_size_is_refused(layer):
    layer.build((None, None, None, 2))
    assert layer(np.ones((1, 8, 8, 2), "float32")).shape[1] == 6
    with pytest.raises(
        ValueError, match=r"without None.*\(None, None, None, 2\)"
    ):
        layer.lipschitz_constant()


def test_unknown_activation_is_refused():
    layer = LipschitzDense(3, activation="softmax")
    layer.build((None, 2))
    with pytest.raises(ValueError, match="softmax"):
        layer.lipschitz_constant()
