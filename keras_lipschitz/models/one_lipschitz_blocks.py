"""What the 1-Lipschitz networks are stacked of."""

import keras

from keras_lipschitz import layers
from keras_lipschitz.models.checks import choice

# Convolutions that take any channels to any channels; strides where they can.
CONVOLUTIONS = {
    "adaptive_orthogonal": layers.AdaptiveOrthogonalConv2D,
    "aol": layers.AOLConv2D,
    "bro": layers.BROConv2D,
    "sandwich": layers.SandwichConv2D,
    "soc": layers.SOCConv2D,
    "spectral_rescaling": layers.SpectralRescalingConv2D,
}
# Blocks that keep their shape.
RESIDUALS = {
    "cpl": (layers.CPLConv2D, layers.CPLDense),
    "sll": (layers.SLLConv2D, layers.SLLDense),
}
DENSES = {
    "aol": layers.AOLDense,
    "bjorck": layers.BjorckDense,
    "bro": layers.BRODense,
    "cayley": layers.CayleyDense,
    "cholesky": layers.CholeskyDense,
    "cpl": layers.CPLDense,
    "qr": layers.QRDense,
    "sandwich": layers.SandwichDense,
    "sll": layers.SLLDense,
    "spectral_rescaling": layers.SpectralRescalingDense,
}
ACTIVATIONS = {
    "householder": layers.Householder,
    "minmax": layers.MinMax,
    "relu": keras.layers.ReLU,
}


def padded_to(x, multiple):
    """Images with zeros around them, until their size is a multiple."""
    widths = []
    for size in x.shape[1:3]:
        missing = -size % multiple
        widths.append((missing // 2, missing - missing // 2))
    if not any(map(any, widths)):
        return x
    return keras.layers.ZeroPadding2D(widths, name="padding")(x)


def with_channels(x, channels, name):
    """Images with channels of zeros added, or the last channels cut off."""
    missing = channels - x.shape[-1]
    if missing == 0:
        return x
    # Keras pads and crops two axes: bring the channels there.
    x = keras.layers.Permute((3, 1, 2), name=f"{name}_first")(x)
    if missing > 0:
        layer = keras.layers.ZeroPadding2D(((0, missing), (0, 0)), name=name)
    else:
        layer = keras.layers.Cropping2D(((0, -missing), (0, 0)), name=name)
    return keras.layers.Permute((2, 3, 1), name=f"{name}_last")(layer(x))


def convolved(x, kind, filters, kernel_size, strides=1, name=None):
    """A 1-Lipschitz convolution of any kind, residual ones included."""
    if kind in RESIDUALS:
        convolution, _ = RESIDUALS[kind]
        if strides > 1:
            x = layers.InvertibleDownsampling(strides, name=f"{name}_down")(x)
        x = with_channels(x, filters, f"{name}_channels")
        return convolution(filters, kernel_size, name=name)(x)
    convolution = choice("convolution", kind, {**CONVOLUTIONS, **RESIDUALS})
    arguments = {"padding": "same", "name": name}
    if kind == "sandwich" and strides > 1:
        x = layers.InvertibleDownsampling(strides, name=f"{name}_down")(x)
    elif strides > 1:
        arguments["strides"] = strides
        if kind not in ("bro", "soc"):
            # A smaller kernel would leave pixels out.
            kernel_size = max(kernel_size, strides)
    return convolution(filters, kernel_size, **arguments)(x)
