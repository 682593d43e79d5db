"""Small networks that hold, together, every layer whose rounding is known."""

import keras
import numpy as np
from keras import layers

import keras_lipschitz as kl

IMAGE = (6, 6, 4)
MEAN_AND_VARIANCE = {
    "mean": [0.1, 0.2, 0.3, 0.4],
    "variance": [0.5, 0.3, 1.7, 2.9],
}


def _stack(*middle, shape=IMAGE):
    """A function that builds a classifier around freshly built layers."""
    return lambda: keras.Sequential(
        [
            keras.Input(shape),
            *(layer() for layer in middle),
            layers.Flatten(),
            layers.Dense(3, bias_initializer="normal"),
        ]
    )


def _of(kind, *args, **kwargs):
    return _stack(lambda: kind(*args, **kwargs))


def _signal(kind, *args, **kwargs):
    return _stack(lambda: kind(*args, **kwargs), shape=(12, 4))


def _volume(kind, *args, **kwargs):
    return _stack(lambda: kind(*args, **kwargs), shape=(4, 4, 4, 2))


def _vector(kind, *args, **kwargs):
    return _stack(lambda: kind(*args, **kwargs), shape=(40,))


def _branches():
    x = keras.Input(IMAGE)
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = layers.Conv2D(4, 1, activation="leaky_relu")(x)
    added = layers.Add()([x, a, b])
    averaged = layers.Average()([a, b])
    subtracted = layers.Subtract()([a, x])
    largest = layers.Maximum()([added, averaged])
    smallest = layers.Minimum()([subtracted, x])
    joined = layers.Concatenate()([largest, smallest])
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(joined)))


def _combined():
    x = keras.Input(IMAGE)
    y = kl.layers.ConvexCombination()([x, kl.layers.MinMax()(x)])
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(y)))


def _shared():
    x = keras.Input((6,))
    dense = layers.Dense(6, activation="relu6")
    return keras.Model(x, layers.Dense(3)(dense(dense(x))))


def _nested():
    x = keras.Input((6,))
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Identity(), layers.Dense(4)]
    )
    return keras.Model(x, layers.Dense(3)(layers.ReLU()(inner(x))))


def _residual_blocks():
    biased = {"bias_initializer": "normal"}
    same = {"padding": "same", **biased}
    x = keras.Input(IMAGE)
    y = _block(
        x,
        layers.Conv2D(3, 3, **same),
        layers.ReLU(),
        layers.Conv2D(4, 3, **same),
    )
    y = layers.Dense(5)(layers.Flatten()(y))
    y = _block(y, layers.Dense(9, "relu", **biased), layers.Dense(5, **biased))
    return keras.Model(x, layers.Dense(3)(y))


def _block(x, first, *others):
    y = first(x)
    for layer in others:
        y = layer(y)
    kernel = np.array(keras.ops.convert_to_numpy(first.kernel))
    taps = tuple(range(kernel.ndim - 2))
    others[-1].kernel.assign(-2.0 * np.flip(kernel, taps).swapaxes(-1, -2))
    return layers.Add()([x, y])


def _without_head():
    pool = layers.GlobalAveragePooling2D()
    return keras.Sequential([keras.Input(IMAGE), layers.Conv2D(3, 3), pool])


def _stored(*middle, shape=IMAGE):
    """Layers of computed kernels, once these are weights."""
    base = _stack(*middle, shape=shape)
    return lambda: kl.models.to_plain(base())


def _deep():
    minmax = kl.layers.MinMax
    return _stack(
        lambda: layers.Rescaling(1 / 255, offset=-0.1),
        lambda: layers.Conv2D(8, 3, padding="same", bias_initializer="normal"),
        minmax,
        lambda: layers.Conv2D(8, 4, strides=2, padding="same"),
        minmax,
        layers.Flatten,
        lambda: layers.Dense(32),
        minmax,
    )()


NETWORKS = {
    "dense": _vector(layers.Dense, 16, bias_initializer="normal"),
    "dense_on_images": _of(layers.Dense, 5, activation="hard_tanh"),
    "dense_wide": _stack(lambda: layers.Dense(4), shape=(3000,)),
    "lipschitz_dense": _vector(kl.layers.LipschitzDense, 9, activation="relu"),
    "einsum": _signal(
        layers.EinsumDense, "abc,cd->abd", (12, 5), bias_axes="d"
    ),
    "einsum_blocks": _signal(
        layers.EinsumDense, "abc,bcd->abd", (12, 5), bias_axes="bd"
    ),
    "conv1d_causal": _signal(
        layers.Conv1D, 5, 3, padding="causal", bias_initializer="normal"
    ),
    "conv1d": _signal(layers.Conv1D, 5, 4, strides=3, padding="same"),
    "conv2d": _of(layers.Conv2D, 5, 3, strides=2, bias_initializer="normal"),
    "conv2d_even": _of(layers.Conv2D, 5, 4, strides=2, padding="same"),
    "conv2d_dilated": _of(layers.Conv2D, 5, 2, dilation_rate=2),
    "conv2d_groups": _of(layers.Conv2D, 6, 3, groups=2, padding="same"),
    "conv3d": _volume(layers.Conv3D, 3, 2, bias_initializer="normal"),
    "depthwise1d": _signal(layers.DepthwiseConv1D, 3, padding="same"),
    "depthwise2d": _of(
        layers.DepthwiseConv2D, 3, depth_multiplier=2, bias_initializer="normal"
    ),
    "lipschitz_conv2d": _of(kl.layers.LipschitzConv2D, 5, 3),
    "lipschitz_depthwise": _of(kl.layers.LipschitzDepthwiseConv2D, 3),
    "relu": _of(layers.ReLU, max_value=0.7, negative_slope=0.1),
    "leaky_relu": _of(layers.LeakyReLU, 0.17),
    "distances": _stack(
        lambda: kl.layers.LInfDist(9, use_bias=True),
        kl.layers.MeanShift,
        shape=(40,),
    ),
    "distances_of_patches": _of(
        kl.layers.LInfDistConv2D, 5, 3, strides=2, padding="same"
    ),
    "prelu": _of(layers.PReLU, keras.initializers.Constant(-0.3)),
    "activation": _of(layers.Activation, "relu6"),
    "relu_theta": _of(kl.layers.ReLUTheta),
    "clipped_min_max": _of(kl.layers.ClippedMinMax),
    "batch_centering": _of(kl.layers.BatchCentering),
    "layer_centering": _of(kl.layers.LayerCentering),
    "lipschitz_prelu": _of(kl.layers.LipschitzPReLU),
    "min_max": _of(kl.layers.MinMax),
    "min_max_adjacent": _of(kl.layers.MinMax, pairing="adjacent"),
    "group_sort": _of(kl.layers.GroupSort),
    "batch_normalization": _of(
        layers.BatchNormalization,
        beta_initializer="normal",
        gamma_initializer="normal",
        moving_mean_initializer="normal",
        moving_variance_initializer=keras.initializers.Constant(0.3),
    ),
    "batch_normalization_axis": _of(layers.BatchNormalization, axis=1),
    "normalization": _of(layers.Normalization, **MEAN_AND_VARIANCE),
    "denormalization": _of(
        layers.Normalization, invert=True, **MEAN_AND_VARIANCE
    ),
    "stored_residual": _stored(
        lambda: kl.layers.SLLConv2D(4, bias_initializer="normal"),
        lambda: kl.layers.CPLConv2D(4, padding="circular"),
        lambda: kl.layers.SandwichConv2D(5, 3, bias_initializer="normal"),
        layers.Flatten,
        lambda: kl.layers.SandwichDense(20),
        lambda: kl.layers.SLLDense(9, bias_initializer="normal"),
        lambda: kl.layers.CPLDense(9),
    ),
    "stored_soc": _stored(
        lambda: kl.layers.SOCConv2D(4, strides=2, bias_initializer="normal"),
        lambda: kl.layers.AOLConv2D(4, 3, padding="circular"),
    ),
    "stored_bro": _stored(
        lambda: kl.layers.BROConv2D(4, bias_initializer="normal"),
        lambda: kl.layers.BROConv2D(3, strides=2, padding="circular"),
    ),
    "rescaling": _of(layers.Rescaling, 1 / 255, offset=0.1),
    "rescaling_channels": _of(layers.Rescaling, [0.1, 0.7, 0.3, 0.9]),
    "scaling": _of(kl.layers.Scaling, keras.initializers.Constant(-2.7)),
    "max_pooling1d": _signal(layers.MaxPooling1D, 3, strides=2),
    "max_pooling3d": _volume(layers.MaxPooling3D, 2),
    "max_pooling2d": _of(layers.MaxPooling2D, 2, padding="same"),
    "average_pooling1d": _signal(layers.AveragePooling1D, 3, strides=2),
    "average_pooling2d": _of(
        layers.AveragePooling2D, 3, strides=2, padding="same"
    ),
    "average_pooling3d": _volume(layers.AveragePooling3D, 2),
    "global_average1d": _signal(layers.GlobalAveragePooling1D),
    "global_average2d": _of(layers.GlobalAveragePooling2D),
    "global_average3d": _volume(layers.GlobalAveragePooling3D),
    "global_max1d": _signal(layers.GlobalMaxPooling1D),
    "global_max2d": _of(layers.GlobalMaxPooling2D),
    "global_max3d": _volume(layers.GlobalMaxPooling3D),
    "scaled_average": _of(kl.layers.ScaledAveragePooling2D, 3),
    "scaled_global_average": _of(kl.layers.ScaledGlobalAveragePooling2D),
    "flip": _of(kl.layers.Flip),
    "downsampling": _of(kl.layers.InvertibleDownsampling, 2),
    "upsampling": _of(kl.layers.InvertibleUpsampling, 2),
    "cropping1d": _signal(layers.Cropping1D, 2),
    "cropping2d": _of(layers.Cropping2D, 1),
    "cropping3d": _volume(layers.Cropping3D, 1),
    "padding1d": _signal(layers.ZeroPadding1D, 2),
    "padding2d": _of(layers.ZeroPadding2D, ((1, 0), (2, 1))),
    "padding3d": _volume(layers.ZeroPadding3D, 1),
    "permute": _of(layers.Permute, (2, 3, 1)),
    "reshape": _of(layers.Reshape, (9, 16)),
    "repeat": _vector(layers.RepeatVector, 3),
    "up_sampling1d": _signal(layers.UpSampling1D, 3),
    "up_sampling2d": _of(layers.UpSampling2D, 2),
    "up_sampling3d": _volume(layers.UpSampling3D, 2),
    "dropout": _of(layers.Dropout, 0.5),
    "branches": _branches,
    "shared": _shared,
    "nested": _nested,
    "residual_blocks": _residual_blocks,
    "without_head": _without_head,
    "deep": _deep,
}

# Known in exact arithmetic; how libraries round them is not.
FUNCTIONS = {
    **{
        name: _of(layers.Activation, name)
        for name in (
            *("elu", "gelu", "selu", "sigmoid", "silu"),
            *("softplus", "softsign", "tanh"),
        )
    },
    "dense_tanh": _vector(layers.Dense, 8, activation="tanh"),
    "conv_gelu": _of(layers.Conv2D, 4, 3, activation="gelu"),
    "elu_layer": _of(layers.ELU, 0.7),
    "l2_norm_pooling": _of(kl.layers.L2NormPooling2D, 2),
    "householder": _of(kl.layers.Householder),
    "convex_combination": _combined,
    "sll_dense": _vector(kl.layers.SLLDense, 40),
    "sll_conv2d": _of(kl.layers.SLLConv2D, 4),
    "cpl_dense": _vector(kl.layers.CPLDense, 40),
    "cpl_conv2d": _of(kl.layers.CPLConv2D, 4),
    "sandwich_dense": _vector(kl.layers.SandwichDense, 7),
    "sandwich_conv2d": _of(kl.layers.SandwichConv2D, 5, 3),
    "soc_conv2d": _of(kl.layers.SOCConv2D, 4, 3),
    "bro_conv2d": _of(kl.layers.BROConv2D, 4, 3),
}
