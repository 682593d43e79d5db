"""Slow, independent truths for the rules and the graph walk."""

import keras
import numpy as np
from keras import ops

from keras_lipschitz.bounds import Composition
from keras_lipschitz.bounds import register_rule
from keras_lipschitz.ops import DiagonalMap

# JAX computes in float32 whatever a layer asks for.
PRECISE = "float32" if keras.backend.backend() == "jax" else "float64"
BELOW = 1e-6 if PRECISE == "float32" else 1e-7


def infer(layer, *arrays):
    """A layer's output at inference, as float64."""
    arrays = [ops.convert_to_tensor(a, PRECISE) for a in arrays]
    inputs = arrays[0] if len(arrays) == 1 else arrays
    try:
        outputs = layer(inputs, training=False)
    except TypeError:
        outputs = layer(inputs)
    return ops.convert_to_numpy(outputs).astype("float64")


def matrix_of(function, shape):
    """The matrix of an affine function of one array of `shape`."""
    size = int(np.prod(shape))
    basis = np.eye(size).reshape(size, *shape)
    origin = function(np.zeros((1, *shape)))
    return (function(basis) - origin).reshape(size, -1).T


def norm(matrix):
    return np.linalg.norm(matrix, 2)


def norm_of(linear_map):
    """The norm of a `LinearMap`, from its explicit matrix."""
    kernel = linear_map.kernel
    if isinstance(linear_map, DiagonalMap):
        return float(ops.convert_to_numpy(linear_map.exact_norm(kernel)))

    def apply(x):
        x = ops.convert_to_tensor(x, "float32")
        return ops.convert_to_numpy(linear_map.apply(x, kernel))

    return norm(matrix_of(apply, linear_map.input_shape).astype("float64"))


class Logits(keras.layers.Layer):
    """Stands for a head, so that any layer can be the last of a body."""

    def call(self, x):
        return ops.zeros((ops.shape(x)[0], 2))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2)


@register_rule(Logits)
def logits(layer, x):
    return x.constant


def composition_of(model):
    """The composition of a model of any output, all of it the body."""
    (x,), (y,) = model.inputs, model.outputs
    return Composition(keras.Model(x, Logits()(y)))


def bound_of(model):
    """The constant that the rules give a model."""
    composition = composition_of(model)
    norms = {k: norm_of(m) for k, m in composition.linear_maps.items()}
    return float(composition.body_constant(norms))


def bound_of_layer(layer, shape):
    x = keras.Input(shape)
    return bound_of(keras.Model(x, layer(x)))


def randomise(layer, seed=0):
    """Gives every weight of a layer values of both signs."""
    generator = np.random.default_rng(seed)
    for variable in layer.weights:
        if "seed" not in variable.path:
            variable.assign(generator.normal(size=variable.shape))
    return layer


def largest_slope(function, start, stop):
    """The largest secant slope of a scalar function of a float64 array.

    No secant is steeper than the steepest tangent, so this is a lower bound of
    the Lipschitz constant; it is refined until it is close.
    """
    while True:
        grid = np.linspace(start, stop, 4001)
        slopes = np.abs(np.diff(function(grid)) / np.diff(grid))
        best = int(slopes.argmax())
        unit = max(1.0, abs(grid[best]))
        if stop - start < 1e-2 * unit:
            return slopes[best]
        start = grid[max(best - 1, 0)]
        stop = grid[min(best + 2, len(grid) - 1)]
        # Finer secants would drown in rounding.
        margin = max(0.0, 4e-3 * unit - (stop - start)) / 2
        start, stop = start - margin, stop + margin
