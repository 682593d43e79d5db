"""Layers in which no entry moves further than the entries before it."""

from keras import layers

from keras_lipschitz.layers.clipped_min_max import ClippedMinMax
from keras_lipschitz.layers.flip import Flip
from keras_lipschitz.layers.group_sort import GroupSort
from keras_lipschitz.layers.invertible_downsampling import (
    InvertibleDownsampling,
)
from keras_lipschitz.layers.invertible_upsampling import InvertibleUpsampling
from keras_lipschitz.layers.mean_shift import MeanShift
from keras_lipschitz.layers.min_max import MinMax
from keras_lipschitz.layers.relu_theta import ReLUTheta

# Each output is one entry of the input, always the same one, or a zero.
REARRANGEMENTS = (
    Flip,
    InvertibleDownsampling,
    InvertibleUpsampling,
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
# Each output is an increasing function of the entries, and moves no further
# than the entry that moves furthest: entries stay, or are averaged, compared,
# clipped or sorted.
ENTRYWISE_NONEXPANSIVE = (
    *REARRANGEMENTS,
    ClippedMinMax,
    GroupSort,
    MeanShift,
    MinMax,
    ReLUTheta,
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
    layers.Identity,
    layers.InputLayer,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
)
