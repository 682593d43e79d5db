import dataclasses

from keras_lipschitz.layers.power_iterate import PowerIterate
from keras_lipschitz.ops.power_method import TINY


class NormDivision:
    """A kernel that is divided by its norm: a mixin for residual layers.

    In training the norm is estimated by a step of the power method, in all
    else it is a bound from above: what is certified and deployed is
    1-Lipschitz whatever state the power method is in.
    """

    def build(self, input_shape):
        super().build(input_shape)
        if not self.parametrized:
            return
        shape = self.inner_map(input_shape).output_shape
        self.power_iterate = PowerIterate(shape, name="power_iterate")

    def potential_kernel(self, training):
        if not training or not self.parametrized:
            return self.kernel
        (raw,) = self.raw_weights
        raw_map = dataclasses.replace(
            self.inner_map(self.mapped_shape),
            read_kernel=lambda: raw,
            known_norm=None,
        )
        norm = self.power_iterate.advance(raw_map)
        return raw_map.kernel / (norm + TINY)
