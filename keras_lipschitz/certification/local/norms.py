"""Upper bounds of the norms of linear maps on a part of their entries."""

import functools
import math

import numpy as np
import scipy.sparse

from keras_lipschitz.certification.norms.convolution import ConvolutionOperator
from keras_lipschitz.certification.norms.operators import DenseOperator
from keras_lipschitz.certification.norms.spectral_norm import spectral_norm
from keras_lipschitz.certification.rounding import gamma

# Positive vectors tried for a bound by sums of absolute values.
_STEPS = 3
_FLOOR = 1e-6
# What is left of a convolution is a matrix up to this size.
_SMALL, _SMALL_MATRIX = 768, 2**22
# Norms of convolutions on some of their channels, kept for other samples.
_KEPT = 512


class PartNorms:
    """Proven upper bounds of `||D A C||`, for masks `D` and `C`.

    A matrix is bounded as exactly as a whole one, on the rows and columns that
    count, and so is a convolution of which little is left. Any other is
    bounded on the channels that count anywhere, and by the norm of its
    absolute values, which a scaling by positive vectors bounds from above.

    Args:
        operator: The `Operator` `A`.
    """

    def __init__(self, operator):
        self.operator = operator
        self._of_channels = functools.lru_cache(_KEPT)(self._channel_norm)

    def __call__(self, columns, rows):
        """The bound for one pair of masks.

        Args:
            columns: Boolean vector of inputs.
            rows: Boolean vector of outputs.

        Returns:
            A float; infinite where nothing better than the whole is known.
        """
        if not columns.any() or not rows.any():
            return 0.0
        operator = self.operator
        if isinstance(operator, DenseOperator):
            return _exact(operator.matrix[np.ix_(rows, columns)])
        counts = sorted((rows.sum(), columns.sum()))
        if counts[0] <= _SMALL and counts[0] * counts[1] <= _SMALL_MATRIX:
            return _exact(self._sparse[rows][:, columns].toarray())
        bound = self._by_absolute_values(columns, rows)
        if isinstance(operator, ConvolutionOperator) and operator.groups == 1:
            outputs, inputs = operator.channels
            used = tuple(columns.reshape(-1, inputs).any(axis=0).tolist())
            asked = tuple(rows.reshape(-1, outputs).any(axis=0).tolist())
            if not (all(used) and all(asked)):
                bound = min(bound, self._of_channels(used, asked))
        return bound

    @functools.cached_property
    def _sparse(self):
        return scipy.sparse.csr_array(self.operator.sparse())

    def _channel_norm(self, used, asked):
        kernel = self.operator.entries[..., list(used), :][..., list(asked)]
        return spectral_norm(self.operator.with_entries(kernel)).upper

    def _by_absolute_values(self, columns, rows):
        """`max_i (|P|^T |P| x)_i / x_i` for positive `x`: `absolute_norm`."""
        operator = self.operator.with_entries(np.abs(self.operator.entries))
        x, best = columns.astype("float64"), math.inf
        for _ in range(_STEPS):
            y = operator.rmatvec(rows * operator.matvec(x)) * columns
            best = min(best, float((y[columns] / x[columns]).max()))
            x = columns * (y / max(y.max(), 1e-300) + _FLOOR)
        return math.sqrt(best) * (1.0 + gamma(2 * sum(operator.shape) + 16))


def _exact(matrix):
    return spectral_norm(DenseOperator(matrix)).upper
