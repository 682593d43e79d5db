"""The layers under test: a new one is tested by adding it here.

Each case is `(class, arguments, input shape, whether it is orthogonal)`; the
last where all singular values are promised to be one.
"""

from keras_lipschitz import layers

LINEAR = [
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


def names(cases):
    return [f"{case[0].__name__}-{i}" for i, case in enumerate(cases)]
