"""Every public layer goes through the common layer test."""

import inspect

import keras
import pytest
from layer_test import run_layer_test

from keras_lipschitz import layers

IMAGE = (4, 6, 6, 4)
FIRST = {"data_format": "channels_first"}

CASES = [
    (layers.BinaryLogits, {}, (4, 1)),
    (layers.ClippedMinMax, {}, IMAGE),
    (layers.ClippedMinMax, {"axis": 1, "per_neuron": True}, (4, 6, 5)),
    (layers.Flip, {}, IMAGE),
    (layers.Flip, {"mode": "vertical", **FIRST}, IMAGE),
    (layers.GroupSort, {}, (4, 6)),
    (layers.GroupSort, {"group_size": 3}, (4, 6)),
    (layers.GroupSort, {"group_size": 2, "axis": 1}, IMAGE),
    (layers.GroupSort, {"group_size": 20}, (4, 40)),
    (layers.InvertibleDownsampling, {}, IMAGE),
    (layers.InvertibleDownsampling, {"pool_size": (3, 2), **FIRST}, IMAGE),
    (layers.InvertibleUpsampling, {}, IMAGE),
    (layers.InvertibleUpsampling, {"pool_size": (2, 3), **FIRST}, IMAGE),
    (layers.L2NormPooling2D, {}, IMAGE),
    (layers.L2NormPooling2D, {"pool_size": 4, "padding": "same"}, IMAGE),
    (layers.LInfDist, {"units": 3, "use_bias": True, "p": 8.0}, (4, 2, 5)),
    (
        layers.LInfDistConv2D,
        {"filters": 4, "kernel_size": (3, 2), "strides": 2, "padding": "same"},
        IMAGE,
    ),
    (
        layers.LInfDistConv2D,
        {"filters": 3, "kernel_size": 2, "use_bias": True, **FIRST},
        IMAGE,
    ),
    (layers.LipschitzConv2D, {"filters": 3, "kernel_size": 3}, IMAGE),
    (
        layers.LipschitzConv2D,
        {"filters": 4, "kernel_size": 2, "groups": 2, "activation": "relu"},
        IMAGE,
    ),
    (layers.LipschitzDense, {"units": 3}, (4, 5)),
    (layers.LipschitzDense, {"units": 3, "activation": "relu"}, (4, 2, 5)),
    (
        layers.LipschitzDepthwiseConv2D,
        {"kernel_size": 3, "strides": 2, "padding": "same"},
        IMAGE,
    ),
    (layers.MeanShift, {}, IMAGE),
    (layers.MeanShift, {"axis": 1, "momentum": 0.5}, (4, 6, 5)),
    (layers.MinMax, {}, IMAGE),
    (layers.MinMax, {"axis": 1}, (4, 6, 5)),
    (layers.MinMax, {"pairing": "adjacent"}, IMAGE),
    (layers.MinMax, {"pairing": "adjacent", "axis": 1}, (4, 6, 5)),
    (layers.ReLUTheta, {}, IMAGE),
    (layers.ReLUTheta, {"axis": 1, "per_neuron": True}, (4, 6, 5)),
    (layers.ScaledAveragePooling2D, {}, IMAGE),
    (
        layers.ScaledAveragePooling2D,
        {"pool_size": (4, 3), "padding": "same", **FIRST},
        IMAGE,
    ),
    (layers.ScaledGlobalAveragePooling2D, {}, IMAGE),
    (layers.ScaledGlobalAveragePooling2D, {"keepdims": True, **FIRST}, IMAGE),
    (layers.Scaling, {}, IMAGE),
    (
        layers.Scaling,
        {
            "initializer": keras.initializers.Constant(2.5),
            "regularizer": "l2",
            "constraint": "non_neg",
        },
        (4, 5),
    ),
]


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "layer_class, init_kwargs, input_shape",
    CASES,
    ids=[f"{case[0].__name__}-{i}" for i, case in enumerate(CASES)],
)
def test_layer(layer_class, init_kwargs, input_shape):
    run_layer_test(layer_class, init_kwargs, input_shape)


def test_no_public_layer_is_left_out():
    abstract = {
        layers.InnerMapLipschitzLayer,
        layers.LinearLipschitzLayer,
        layers.LipschitzLayer,
    }
    # Those that are 1-Lipschitz by construction have tests of their own.
    public = {
        c
        for c in vars(layers).values()
        if inspect.isclass(c) and ".one_lipschitz." not in c.__module__
    }
    assert public - abstract == {case[0] for case in CASES}
