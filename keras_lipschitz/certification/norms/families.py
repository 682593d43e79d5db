"""Sets of matrices, and the largest of their norms."""

import dataclasses

import numpy as np

from keras_lipschitz.certification.norms.stacks import Stack
from keras_lipschitz.certification.norms.work import Work


@dataclasses.dataclass(frozen=True, eq=False)
class MatrixFamily:
    """Given matrices.

    Args:
        matrices: Array `(matrices, m, n)`.
    """

    matrices: np.ndarray
    # By how much the norms may exceed those of the stacks.
    error = 0.0
    # Whether the largest norm is that of the operator, not only a bound of it.
    exact = True
    method = "cholesky"

    @property
    def count(self):
        return len(self.matrices)

    @property
    def work(self):
        """The `Work` that a proof for one matrix takes."""
        return Work.of((((0, 0),),), self.matrices.shape[1:])

    def stack(self, indices):
        """The `Stack` of some of the matrices."""
        return Stack(self.matrices[None, indices])
