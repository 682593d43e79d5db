"""The same network out of plain Keras layers, for when training is over."""

import keras
from keras import ops

from keras_lipschitz.layers.one_lipschitz.cpl_conv2d import CPLConv2D
from keras_lipschitz.layers.one_lipschitz.cpl_dense import CPLDense
from keras_lipschitz.layers.one_lipschitz.parametrized_conv2d import (
    ParametrizedConv2D,
)
from keras_lipschitz.layers.one_lipschitz.parametrized_dense import (
    ParametrizedDense,
)
from keras_lipschitz.layers.one_lipschitz.sll_conv2d import SLLConv2D
from keras_lipschitz.layers.one_lipschitz.sll_dense import SLLDense
from keras_lipschitz.models.gloro_model import GloroModel
from keras_lipschitz.ops.skew_convolution import adjoint_kernel


def to_plain(model, residual=False):
    """Turns computed kernels into weights.

    A layer whose kernel is computed from other weights becomes a
    `keras.layers.Dense` or `keras.layers.Conv2D` with that kernel: nothing is
    computed at inference any more, the network has the same certificate, and it
    can be certified at levels `"F64"` and `"F32"` too. Other layers, circular
    convolutions, `SOCConv2D` and `BROConv2D` among them, stay as they are.

    Args:
        model: A Functional or Sequential model, or a `GloroModel`.
        residual: Whether to take apart `SLLDense`, `CPLDense` and their
            convolutions as well, each into two plain layers and an `Add`. That
            is for deployment: what makes them 1-Lipschitz cannot be seen from
            the parts, and a certificate of the result is worth little. Defaults
            to `False`.

    Returns:
        A new model of the same kind, with weights of its own; a `GloroModel`
        has no certificate yet.

    Example:

    >>> base = keras.Sequential([
    ...     keras.Input((4,)), keras_lipschitz.layers.CayleyDense(3)])
    >>> plain = keras_lipschitz.models.to_plain(base)
    >>> type(plain.layers[0]).__name__
    'Dense'
    """
    if isinstance(model, GloroModel):
        if residual:
            raise ValueError(
                "A GloroModel whose residual layers are taken apart would "
                "certify next to nothing. Expected residual=False. Received: "
                f"residual={residual!r}; export the GloroModel instead, or "
                "take its `base` apart."
            )
        bound = type(model.bound).from_config(model.bound.get_config())
        base = to_plain(model.base)
        return GloroModel(base, model.epsilon, bound, name=model.name)
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
    y = keras.layers.Add(name="add")([x, leave(hidden)])
    return keras.Model(x, y, name=layer.name)


def _kernel_and_bias(layer):
    return [layer.kernel, *([] if layer.bias is None else [layer.bias])]


def _both_kernels(layer):
    kernel = layer.kernel
    is_dense = isinstance(layer, keras.layers.Dense)
    back = ops.transpose(kernel) if is_dense else adjoint_kernel(kernel)
    return [*_kernel_and_bias(layer), -2.0 * back]


def _weights(layer):
    return layer.weights
