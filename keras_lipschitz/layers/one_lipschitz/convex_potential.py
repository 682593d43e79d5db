import keras
from keras import ops

from keras_lipschitz.layers.lipschitz_layer import InnerMapLipschitzLayer

# Increasing functions whose slope is at most one.
_NAMES = (
    "elu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "relu",
    "relu6",
    "sigmoid",
    "softplus",
    "softsign",
    "tanh",
)


def is_potential_activation(activation):
    """Whether a function is known to rise, with a slope of at most one."""
    return activation in {
        getattr(module, name)
        for module in (keras.ops, keras.activations)
        for name in _NAMES
        if hasattr(module, name)
    }


def check_slope(layer):
    """Refuses activations that fall, or rise faster than their argument."""
    if not is_potential_activation(layer.activation):
        raise ValueError(
            f"`activation` of {type(layer).__name__} needs a slope between 0 "
            f"and 1 everywhere. Expected one of {_NAMES}. Received: "
            f"activation={layer.activation!r}"
        )


def potential_constant(norm):
    """The constant of a convex potential step with `||V|| <= norm`."""
    square = norm * norm
    # 2 n^2 - 1 <= n^4, and no upper bound is subtracted from. Where the norm
    # is large, the sum of the two branches says more.
    return min(max(1.0, square * square), 1.0 + 2.0 * square)


class ConvexPotential(InnerMapLipschitzLayer):
    """A residual step down a convex potential: a mixin.

        y = x - 2 V activation(V^T x + b),    ||V|| <= 1

    With slopes `D` between 0 and 1 the Jacobian is `I - 2 V D V^T`, whose
    eigenvalues lie between `1 - 2 ||V||^2` and 1.

    A subclass applies `V^T` in `enter` and `V` in `leave`.
    """

    def potential_kernel(self, training):
        """The kernel of `V^T`; in training it may be an estimate."""
        return self.kernel

    def enter(self, inputs, kernel):
        """`V^T x + b`."""
        raise NotImplementedError

    def leave(self, hidden, kernel):
        """`V h`."""
        raise NotImplementedError

    def call(self, inputs, training=False):
        kernel = self.potential_kernel(training)
        kernel = ops.cast(kernel, self.compute_dtype)
        hidden = self.activation(self.enter(inputs, kernel))
        return inputs - 2.0 * self.leave(hidden, kernel)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def constant_of_norm(self, norm):
        return potential_constant(norm)
