"""Networks whose kernels are weights instead of functions of weights."""

import keras
from keras import ops

from keras_lipschitz.layers.lipschitz_layer import LinearLipschitzLayer
from keras_lipschitz.layers.one_lipschitz.cpl_conv2d import CPLConv2D
from keras_lipschitz.layers.one_lipschitz.cpl_dense import CPLDense
from keras_lipschitz.layers.one_lipschitz.parametrized_conv2d import (
    ParametrizedConv2D,
)
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    ParametrizedLayer,
)
from keras_lipschitz.layers.one_lipschitz.sll_conv2d import SLLConv2D
from keras_lipschitz.layers.one_lipschitz.sll_dense import SLLDense
from keras_lipschitz.ops.skew_convolution import adjoint_kernel


def plain_network(model, residual=False):
    """A Functional or Sequential model converted as `to_plain` says."""
    return _Conversion(residual)(model)


class _Conversion:
    """One conversion: what became of which layer."""

    def __init__(self, residual):
        self.residual = residual
        self.pairs = []

    def __call__(self, model):
        plain = keras.models.clone_model(
            model, clone_function=self.clone, recursive=True
        )
        for old, new, weights_of in self.pairs:
            new.set_weights([ops.convert_to_numpy(w) for w in weights_of(old)])
        return plain

    def clone(self, layer):
        new, weights_of = self._converted(layer)
        self.pairs.append((layer, new, weights_of))
        return new

    def _converted(self, layer):
        if isinstance(layer, ParametrizedDense):
            return _dense(layer), _kernel_and_bias
        if isinstance(layer, ParametrizedConv2D) and not layer.circular:
            return _convolution(layer), _kernel_and_bias
        if self.residual and isinstance(layer, (SLLDense, CPLDense)):
            return _apart(layer, _dense), _both_kernels
        if (
            self.residual
            and isinstance(layer, (SLLConv2D, CPLConv2D))
            and not layer.circular
        ):
            return _apart(layer, _convolution), _both_kernels
        if isinstance(layer, ParametrizedLayer):
            config = {**layer.get_config(), "parametrized": False}
            return type(layer).from_config(config), _trained_first
        return type(layer).from_config(layer.get_config()), _weights


def _arguments(layer):
    return dict(
        activation=layer.activation,
        use_bias=layer.use_bias,
        name=layer.name,
        dtype=layer.dtype_policy,
        trainable=layer.trainable,
    )


def _dense(layer, **changed):
    arguments = {"units": layer.units, **_arguments(layer), **changed}
    return keras.layers.Dense(**arguments)


def _convolution(layer, **changed):
    arguments = dict(
        filters=layer.filters,
        kernel_size=layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        data_format=layer.data_format,
        groups=layer.groups,
        **_arguments(layer),
    )
    return keras.layers.Conv2D(**{**arguments, **changed})


def _apart(layer, make):
    """`x - 2 V activation(V^T x + b)` as a model of two layers and an `Add`."""
    x = keras.Input(layer.mapped_shape[1:])
    hidden = make(layer, name="enter")(x)
    is_dense = isinstance(layer, keras.layers.Dense)
    size = "units" if is_dense else "filters"
    axis = -1
    if not is_dense and layer.data_format == "channels_first":
        axis = 1
    leave = make(
        layer,
        name="leave",
        activation=None,
        use_bias=False,
        **{size: layer.mapped_shape[axis]},
    )
    add = keras.layers.Add(name="add", dtype=layer.dtype_policy)
    y = add([x, leave(hidden)])
    return keras.Model(x, y, name=layer.name)


def _kernel_and_bias(layer):
    return [layer.kernel, *([] if layer.bias is None else [layer.bias])]


def _trained_first(layer):
    """The weights of a layer with a stored kernel, in Keras' order."""
    kernel, *bias = _kernel_and_bias(layer)
    iterate = None
    if isinstance(layer, LinearLipschitzLayer):
        iterate = layer.power_iterate
    return [*bias, kernel, *([] if iterate is None else iterate.weights)]


def _both_kernels(layer):
    """Of two layers, the second kernel exactly -2 times the first one."""
    kernel, *bias = map(ops.convert_to_numpy, _kernel_and_bias(layer))
    is_dense = isinstance(layer, keras.layers.Dense)
    back = ops.transpose(kernel) if is_dense else adjoint_kernel(kernel)
    # On the host: devices may flush the smallest numbers to zero.
    return [kernel, *bias, -2.0 * ops.convert_to_numpy(back)]


def _weights(layer):
    return layer.weights
