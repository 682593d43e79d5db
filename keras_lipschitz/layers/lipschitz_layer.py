from keras_lipschitz.layers.power_iterate import PowerIterate
from keras_lipschitz.ops.activations import activation_constant


class LipschitzLayer:
    """A layer that knows how far it can move its output.

    A mixin for Keras layers. `||f(x) - f(x')||_2 <= c ||x - x'||_2` holds for
    `c = lipschitz_constant()`, up to the convergence of the power method where
    the constant is an estimate.

    A layer that is a linear map, up to bias and activation, derives from
    `LinearLipschitzLayer`; one whose constant follows from the norm of a
    linear map inside it, from `InnerMapLipschitzLayer`. Any other overrides
    `lipschitz_constant`, and returns a Python float where the constant does not
    depend on weights.
    """

    def lipschitz_constant(self):
        """The l2 Lipschitz constant: a float or a differentiable scalar."""
        raise NotImplementedError


class LinearLipschitzLayer(LipschitzLayer):
    """A linear map with an optional bias and activation.

    A subclass says which map in `linear_map`; its `build` ends with
    `self.build_power_iterate(input_shape)`.
    """

    def linear_map(self, input_shape):
        """The `LinearMap` that the layer applies to inputs of this shape.

        Args:
            input_shape: Shape of the input, with the batch.
        """
        raise NotImplementedError

    # The shape that the layer was built on.
    mapped_shape = None

    def build_power_iterate(self, input_shape):
        self.mapped_shape = tuple(input_shape)
        linear_map = self.linear_map(input_shape)
        shape = linear_map.output_shape
        # No class attribute holds the default: on torch it would hide a layer.
        self.power_iterate = (
            None
            if None in shape or linear_map.known_norm is not None
            else PowerIterate(shape, name="power_iterate")
        )

    def lipschitz_constant(self, iterations=10):
        """The l2 Lipschitz constant, estimated by the power method.

        Starts at the stored vector and changes nothing. The estimate comes
        from below; `GloroModel.certify` gives the bound.

        Args:
            iterations: Integer, power iterations to take. Defaults to `10`.

        Returns:
            A scalar tensor, differentiable in the layer's kernel.
        """
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} has no Lipschitz constant before it is "
                "built. Call it on data, or call `build(input_shape)`."
            )
        linear_map = self.linear_map(self.mapped_shape)
        norm = self._norm(linear_map, iterations)
        return norm * activation_constant(getattr(self, "activation", None))

    def _norm(self, linear_map, iterations):
        if linear_map.known_norm is not None:
            return linear_map.known_norm
        norm = linear_map.exact_norm(linear_map.kernel)
        if norm is not None:
            return norm
        if self.power_iterate is None:
            raise ValueError(
                f"The Lipschitz constant of layer {self.name!r} depends on the "
                "size of its input. Expected an input shape without None "
                f"beside the batch. Received: {self.mapped_shape}"
            )
        return self.power_iterate.estimate(linear_map, iterations)


class InnerMapLipschitzLayer(LipschitzLayer):
    """A layer whose constant follows from the norm of a linear map inside it.

    A subclass says which map in `inner_map`, with the norm that it has for any
    weights, and what follows from that norm in `constant_of_norm`. A
    certificate bounds the norm anew, rounding included.
    """

    def inner_map(self, input_shape):
        """The `LinearMap` inside the layer for inputs of this shape.

        Args:
            input_shape: Shape of the input, with the batch.
        """
        raise NotImplementedError

    def constant_of_norm(self, norm):
        """The constant of the layer, increasing in the norm of its inner map.

        Args:
            norm: Float, or a rigorous upper bound, which knows no difference
                and no quotient.

        Returns:
            A number that may be too large but not too small.
        """
        raise NotImplementedError

    # The shape that the layer was built on.
    mapped_shape = None

    def lipschitz_constant(self):
        """The l2 Lipschitz constant that the layer has for any weights."""
        return self.constant_of_norm(
            self.inner_map(self.mapped_shape).known_norm
        )
