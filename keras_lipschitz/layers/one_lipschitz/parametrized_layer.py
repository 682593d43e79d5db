import keras
from keras import ops

# Room for the rounding of a parametrisation in float32, so that the norm of
# its result, too, is at most one.
_ROOM = 1.0 - 2.0**-20


class ParametrizedLayer:
    """A layer whose kernel is a function of its raw weights: a mixin.

    The kernel is computed from them in float32 (or more) whenever it is read,
    so it can never be out of date; `keras_lipschitz.models.to_plain` turns it
    into a weight of its own for a network that is no longer trained.

    A subclass says how in `parametrize`, and which raw weights it needs in
    `raw_shapes`. Regularizer and constraint of the kernel act on these.
    """

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

    def build_weights(self, kernel_shape, outputs=None):
        """Creates raw weights and bias; `outputs` defaults to the last axis."""
        self.kernel_shape = tuple(kernel_shape)
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
        kernel = self.parametrize(*map(_precise, self.raw_weights))
        return kernel if self.known_norm is None else kernel * _ROOM

    # Dense and Conv2D save what they call `kernel`; the state is the raw one.

    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)


def _precise(weight):
    return ops.cast(weight, keras.backend.result_type(weight.dtype, "float32"))


def _precisely(initializer):
    """An initializer that works in float32: decompositions ask for that."""
    return lambda shape, dtype: ops.cast(initializer(shape, "float32"), dtype)
