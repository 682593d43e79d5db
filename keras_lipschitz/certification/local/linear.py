"""Linear steps on the host: values, reaches, and the masks of their entries."""

import functools

import keras
import numpy as np

from keras_lipschitz.certification.evaluations.activations import (
    evaluation_of_activation,
)
from keras_lipschitz.certification.evaluations.batch_convolution import (
    batch_convolution,
)
from keras_lipschitz.certification.evaluations.host import host_array
from keras_lipschitz.certification.norms.operators import DenseOperator
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.certification.rounding import gamma
from keras_lipschitz.ops.activations import is_increasing


class HostLinear:
    """A `Dense` layer or a convolution in float64, up to its activation.

    Args:
        layer: The Keras layer.
        linear_map: Its `LinearMap`.
    """

    def __init__(self, layer, linear_map):
        self.operator = operator_of(linear_map)
        self.channels_first = (
            getattr(linear_map, "data_format", None) == "channels_first"
        )
        self.bias = 0.0
        if layer.bias is not None:
            self.bias = host_array(layer.bias)
            if self.channels_first:
                rank = len(linear_map.output_shape)
                self.bias = self.bias.reshape(-1, *[1] * (rank - 1))
        self.activation = keras.activations.get(layer.activation)
        self.input_shape = linear_map.input_shape

    @property
    def rounding(self):
        """How far sums of products may err, relative to absolute terms."""
        return gamma(self.operator.terms + 2)

    def apply(self, x):
        """`A x + b`."""
        return self._apply(x, self.operator) + self.bias

    def absolute(self, x):
        """`|A| x` for `x >= 0`, rounded up."""
        y = self._apply(x, self._absolute_operator)
        return y * (1.0 + 2.0 * self.rounding)

    @functools.cached_property
    def row_norms(self):
        """`||A_i||_2` of every output, rounded up."""
        squares = self.operator.with_entries(np.square(self.operator.entries))
        sums = self._apply(np.ones((1, *self.input_shape)), squares)
        return np.sqrt(sums) * (1.0 + 2.0 * self.rounding) + 1e-150

    @functools.cached_property
    def _absolute_operator(self):
        return self.operator.with_entries(np.abs(self.operator.entries))

    def _apply(self, x, operator):
        if isinstance(operator, DenseOperator):
            return x @ operator.matrix.T
        if not self.channels_first:
            return batch_convolution(operator, x)
        y = batch_convolution(operator, np.moveaxis(x, 1, -1))
        return np.moveaxis(y, -1, 1)

    def activate(self, lower, upper):
        """The box behind the activation, or `None` where it is not known."""
        if not is_increasing(self.activation):
            return None
        evaluation = evaluation_of_activation(self.activation)
        if evaluation.roundings or evaluation.spread:
            return None
        return evaluation.compute(lower), evaluation.compute(upper)

    def entries_of(self, mask):
        """The mask of one sample as the operator sees it, a boolean vector.

        Of a `Dense` layer on more than vectors, an entry counts where it does
        at any place.
        """
        if isinstance(self.operator, DenseOperator):
            return mask.reshape(-1, mask.shape[-1]).any(axis=0)
        if self.channels_first:
            mask = np.moveaxis(mask, 0, -1)
        return mask.ravel()
