"""Largest margins of small ReLU networks in a box, by integer programming."""

import keras
import numpy as np
from scipy import optimize
from scipy import sparse

import keras_lipschitz as kl
from keras_lipschitz.bounds import IntervalBound

layers = keras.layers


def largest_margin(base, x, label, other, epsilon, clip=None):
    """The maximum of `f_other - f_label` in the box around one input.

    Args:
        base: A Sequential model of affine layers, ReLUs among and inside them.
        x: Float64 array, one input.
        label: Integer.
        other: Integer.
        epsilon: Float.
        clip: Pair of numbers, or `None`.

    Returns:
        What `scipy.optimize.milp` finds, up to its tolerance of about 1e-6.
    """
    lower, upper = (x - epsilon).ravel(), (x + epsilon).ravel()
    if clip is not None:
        lower, upper = np.maximum(lower, clip[0]), np.minimum(upper, clip[1])
    program = _Program(lower, upper)
    inputs, shape = np.arange(lower.size), x.shape
    for layer in base.layers:
        if isinstance(layer, layers.ReLU):
            inputs = program.clipped(inputs, layer.max_value)
            continue
        matrix, constant, shape = _affine(layer, shape)
        inputs = program.affine(inputs, matrix, constant)
        if getattr(layer, "activation", None) is keras.activations.relu:
            inputs = program.relu(inputs)
    return program.largest(inputs[other], inputs[label])


class _Program:
    """Variables with ends, and rows `low <= A v <= high`."""

    def __init__(self, lower, upper):
        self.lower, self.upper = list(lower), list(upper)
        self.whole = [0] * len(lower)
        self.rows, self.lows, self.highs = [], [], []

    def variable(self, lower, upper, whole=0):
        self.lower.append(lower)
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.lower) - 1

    def row(self, terms, low, high):
        self.rows.append(terms)
        self.lows.append(low)
        self.highs.append(high)

    def affine(self, inputs, matrix, constant):
        found = []
        low, high = (np.array(e)[inputs] for e in (self.lower, self.upper))
        for row, c in zip(matrix, constant, strict=True):
            ends = np.sort([row * low, row * high], axis=0)
            z = self.variable(ends[0].sum() + c, ends[1].sum() + c)
            terms = dict(zip(inputs, row, strict=True))
            self.row({**terms, z: -1.0}, -c, -c)
            found.append(z)
        return np.array(found)

    def relu(self, inputs):
        return np.array([self._relu(z) for z in inputs])

    def _relu(self, z):
        low, high = self.lower[z], self.upper[z]
        h = self.variable(max(low, 0.0), max(high, 0.0))
        side = self.variable(0.0, 1.0, whole=1)
        low, high = min(low, 0.0), max(high, 0.0)
        self.row({h: 1.0, z: -1.0}, 0.0, np.inf)
        self.row({h: 1.0, z: -1.0, side: -low}, -np.inf, -low)
        self.row({h: 1.0, side: -high}, -np.inf, 0.0)
        return h

    def clipped(self, inputs, most):
        if most is None:
            return self.relu(inputs)
        one, identity = np.full(len(inputs), most), np.eye(len(inputs))
        above = self.affine(inputs, identity, -one)
        both = np.concatenate([self.relu(inputs), self.relu(above)])
        difference = np.concatenate([identity, -identity], axis=1)
        return self.affine(both, difference, 0.0 * one)

    def largest(self, gains, loses):
        cost = np.zeros(len(self.lower))
        cost[gains], cost[loses] = -1.0, 1.0
        matrix = sparse.lil_array((len(self.rows), len(cost)))
        for i, terms in enumerate(self.rows):
            for j, factor in terms.items():
                matrix[i, j] = factor
        found = optimize.milp(
            cost,
            integrality=self.whole,
            bounds=optimize.Bounds(self.lower, self.upper),
            constraints=optimize.LinearConstraint(
                matrix.tocsr(), self.lows, self.highs
            ),
        )
        assert found.success
        return -found.fun


def _affine(layer, shape):
    """Matrix, constant and output shape of a layer without activation."""
    activation = getattr(layer, "activation", None)
    if activation is not None:
        layer.activation = keras.activations.linear
    size = int(np.prod(shape))
    probes = np.concatenate([np.zeros((1, size)), np.eye(size)])
    answers = layer(probes.reshape(-1, *shape).astype("float32"))
    answers = keras.ops.convert_to_numpy(answers).astype("float64")
    if activation is not None:
        layer.activation = activation
    flat = answers.reshape(size + 1, -1)
    return (flat[1:] - flat[0]).T, flat[0], answers.shape[1:]


def decider(base, epsilon, clip=None, branches=1000, level="R"):
    """The decider of a model with that many branches."""
    bound = IntervalBound(clip, radius_steps=0, branches=branches)
    model = kl.GloroModel(base, epsilon, bound=bound)
    return bound.decider(model.certify(level), epsilon)
