"""Layers that move, copy, drop, sort or pass on entries: nothing rounds."""

from keras import layers

from keras_lipschitz.certification.evaluation import Evaluation
from keras_lipschitz.certification.evaluation import register_evaluation
from keras_lipschitz.layers.group_sort import GroupSort
from keras_lipschitz.layers.invertible_downsampling import (
    InvertibleDownsampling,
)
from keras_lipschitz.layers.invertible_upsampling import InvertibleUpsampling
from keras_lipschitz.layers.min_max import MinMax

PASSED_ON = Evaluation(lambda x: x)


@register_evaluation(
    GroupSort,
    InvertibleDownsampling,
    InvertibleUpsampling,
    MinMax,
    layers.Cropping1D,
    layers.Cropping2D,
    layers.Cropping3D,
    layers.Flatten,
    layers.Permute,
    layers.RepeatVector,
    layers.Reshape,
    layers.UpSampling1D,
    layers.UpSampling3D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.ZeroPadding3D,
)
def rearrangement(layer, step):
    return Evaluation(layer.call)


@register_evaluation(layers.UpSampling2D)
def up_sampling_2d(layer, step):
    if layer.interpolation == "nearest":
        return Evaluation(layer.call)
    return None


@register_evaluation(layers.Identity, layers.InputLayer)
def identity(layer, step):
    return PASSED_ON
