"""The layers under test: a new one is tested by adding it here.

Each case is `(class, arguments, input shape, whether it is orthogonal)`; the
last where all singular values are promised to be one.
"""

import keras
import pytest

from keras_lipschitz import layers

IMAGE = (2, 4, 6, 3)
SMALL_IMAGE = (2, 4, 5, 2)
CIRCULAR = {"padding": "circular"}
SAME = {"padding": "same"}


def conv(filters, size, **kwargs):
    return {"filters": filters, "kernel_size": size, **kwargs}


LINEAR = [
    (layers.AdaptiveOrthogonalConv2D, conv(4, 3, **CIRCULAR), IMAGE, True),
    (layers.AdaptiveOrthogonalConv2D, conv(2, 3, **CIRCULAR), IMAGE, True),
    (
        layers.AdaptiveOrthogonalConv2D,
        conv(8, (2, 3), strides=2, **CIRCULAR),
        IMAGE,
        True,
    ),
    (layers.AdaptiveOrthogonalConv2D, conv(16, 3, strides=2), IMAGE, False),
    (layers.AdaptiveOrthogonalConv2D, conv(5, 2, strides=2), IMAGE, True),
    (
        layers.AdaptiveOrthogonalConv2D,
        conv(6, 3, groups=3, activation="relu", **CIRCULAR),
        IMAGE,
        True,
    ),
    (layers.AOLConv2D, conv(4, 3, **SAME), IMAGE, False),
    (layers.AOLConv2D, conv(2, (4, 3), strides=2, **SAME), IMAGE, False),
    (layers.AOLConv2D, conv(20, 3, strides=2, **CIRCULAR), IMAGE, False),
    (layers.SpectralRescalingConv2D, conv(4, 3, **CIRCULAR), IMAGE, False),
    (layers.SpectralRescalingConv2D, conv(2, 4, strides=3), IMAGE, False),
    (layers.SOCConv2D, {"filters": 3}, IMAGE, True),
    (layers.SOCConv2D, conv(5, (3, 5), **CIRCULAR), IMAGE, True),
    (layers.SOCConv2D, conv(7, 3, strides=2), IMAGE, True),
    (layers.BROConv2D, {"filters": 3}, IMAGE, False),
    (layers.BROConv2D, conv(7, 3, strides=2, **CIRCULAR), IMAGE, True),
    (layers.BROConv2D, conv(2, (5, 3), **CIRCULAR), IMAGE, True),
    (layers.AOLDense, {"units": 6}, (4, 9), False),
    (layers.AOLDense, {"units": 9, "activation": "relu"}, (4, 6), False),
    (layers.BjorckDense, {"units": 6, "iterations": 20}, (4, 9), True),
    (layers.BRODense, {"units": 6, "rank_ratio": 0.3}, (4, 9), True),
    (layers.BRODense, {"units": 9}, (4, 6), True),
    (layers.CayleyDense, {"units": 6}, (4, 9), True),
    (layers.CayleyDense, {"units": 9}, (4, 2, 6), True),
    (layers.CayleyDense, {"units": 7}, (4, 7), True),
    (layers.CholeskyDense, {"units": 6}, (4, 9), True),
    (layers.CholeskyDense, {"units": 9}, (4, 6), True),
    (layers.QRDense, {"units": 6}, (4, 9), True),
    (layers.QRDense, {"units": 9}, (4, 6), True),
    (layers.SpectralRescalingDense, {"units": 6}, (4, 9), False),
]

# Each case is `(class, arguments, input shape)`.
RESIDUAL = [
    (layers.SLLDense, {"units": 5}, (3, 7)),
    (layers.SLLDense, {"units": 9, "activation": "tanh"}, (3, 2, 4)),
    (layers.CPLDense, {"units": 5}, (3, 7)),
    (layers.CPLDense, {"units": 9, "iterations": 4}, (3, 4)),
    (layers.SandwichDense, {"units": 5}, (3, 7)),
    (layers.SandwichDense, {"units": 7, "activation": "elu"}, (3, 4)),
    (layers.SLLConv2D, {"filters": 4}, SMALL_IMAGE),
    (layers.SLLConv2D, conv(2, (3, 5), **CIRCULAR), SMALL_IMAGE),
    (layers.CPLConv2D, {"filters": 2}, SMALL_IMAGE),
    (layers.CPLConv2D, conv(4, 3, **CIRCULAR), SMALL_IMAGE),
    (layers.SandwichConv2D, {"filters": 4}, SMALL_IMAGE),
    (layers.SandwichConv2D, conv(2, (1, 3), **CIRCULAR), SMALL_IMAGE),
]
OTHERS = [
    (layers.BatchCentering, {}, SMALL_IMAGE),
    (layers.Householder, {}, (3, 4)),
    (layers.Householder, {"order": 2, "axis": 1}, SMALL_IMAGE),
    (layers.LayerCentering, {}, (3, 4)),
    (layers.LayerCentering, {"axis": (1, 2)}, SMALL_IMAGE),
    (
        layers.LipschitzPReLU,
        {"alpha_initializer": "random_normal", "shared_axes": (1, 2)},
        SMALL_IMAGE,
    ),
    (layers.LinearResidualConv2D, {"filters": 2}, SMALL_IMAGE),
    (layers.LinearResidualConv2D, conv(2, 4, **CIRCULAR), SMALL_IMAGE),
    (layers.NormalizedDense, {"units": 5}, (3, 7)),
]


def parametrize(cases):
    """All cases on TensorFlow, one of each class on the other backends."""
    seen, params = set(), []
    for i, case in enumerate(cases):
        marks = [] if case[0] in seen else [pytest.mark.multi_backend]
        seen.add(case[0])
        name = f"{case[0].__name__}-{i}"
        params.append(pytest.param(case, marks=marks, id=name))
    return pytest.mark.parametrize("case", params)


# JAX is slow where it cannot compile; the others are where they must.
COMPILED = keras.backend.backend() == "jax"
QUICK = {"run_eagerly": not COMPILED, "jit_compile": COMPILED}
