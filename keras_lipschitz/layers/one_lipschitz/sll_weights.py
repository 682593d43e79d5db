import keras


class SLLWeights:
    """A kernel `W` and the logarithms of `q`, one for a column: a mixin."""

    def raw_shapes(self, kernel_shape):
        return {"raw_kernel": kernel_shape, "log_q": kernel_shape[-1:]}

    def raw_initializer(self, name):
        if name == "log_q":
            return keras.initializers.Zeros()
        return super().raw_initializer(name)
