import keras
from keras import ops

from keras_lipschitz.layers.one_lipschitz.stored_kernels import stored_kernel

# Room for the rounding of a parametrisation in float32, so that the norm of
# its result, too, is at most one.
_ROOM = 1.0 - 2.0**-20


class ParametrizedLayer:
    """A layer whose kernel is a function of its raw weights: a mixin.

    The kernel is computed from them in float32 (or more) whenever it is read,
    so it can never be out of date; but inside `StoredKernels.used`, where it
    is read from there. With `parametrized=False` it is a weight by itself,
    which is not trained: `keras_lipschitz.models.to_plain` makes such layers.

    A subclass says how in `parametrize`, and which raw weights it needs in
    `raw_shapes`. Regularizer and constraint of the kernel act on these.
    """

    # Whether the kernel is computed.
    parametrized = True

    # What `parametrize` promises of the norm; `None` where it promises nothing.
    known_norm = 1.0

    def parametrize(self, *raw):
        """The kernel from the raw weights, float32 tensors."""
        raise NotImplementedError

    def raw_shapes(self, kernel_shape):
        """Dict from the names of the raw weights to their shapes."""
        return {"raw_kernel": kernel_shape}

    def raw_initializer(self, name):
        """The initializer of a raw weight."""
        return self.kernel_initializer

    def computed_shape(self):
        """The shape of what `parametrize` returns."""
        return self.kernel_shape

    def build_weights(self, kernel_shape, outputs=None):
        """Creates raw weights and bias; `outputs` defaults to the last axis."""
        self.kernel_shape = tuple(kernel_shape)
        if self.parametrized:
            self.raw_weights = [
                self.add_weight(
                    name=name,
                    shape=shape,
                    initializer=_precisely(self.raw_initializer(name)),
                    regularizer=self.kernel_regularizer,
                    constraint=self.kernel_constraint,
                    autocast=False,
                )
                for name, shape in self.raw_shapes(self.kernel_shape).items()
            ]
        else:
            self.stored_kernel = self.add_weight(
                name="kernel",
                shape=self.computed_shape(),
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(outputs or self.kernel_shape[-1],),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.built = True

    @property
    def kernel(self):
        if not self.parametrized:
            return self.stored_kernel
        stored = stored_kernel(self)
        if stored is not None:
            return stored
        kernel = self.parametrize(*map(_precise, self.raw_weights))
        return kernel if self.known_norm is None else kernel * _ROOM

    # Dense and Conv2D save what they call `kernel`; the state is the raw one.

    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)


def computing_layers(model):
    """The layers of a model whose kernels are computed."""
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, ParametrizedLayer) and layer.parametrized
    ]


def _precise(weight):
    return ops.cast(weight, keras.backend.result_type(weight.dtype, "float32"))


def _precisely(initializer):
    """An initializer that works in float32: decompositions ask for that."""
    return lambda shape, dtype: ops.cast(initializer(shape, "float32"), dtype)
