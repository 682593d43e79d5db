import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Operator:
    """A linear operator between real vectors, given by an array of entries.

    The array is the first field of every subclass.
    """

    @property
    def shape(self):
        """Outputs and inputs."""
        raise NotImplementedError

    def matvec(self, x):
        """`A x` for a vector `x`."""
        raise NotImplementedError

    def rmatvec(self, y):
        """`A^T y` for a vector `y`."""
        raise NotImplementedError

    def dense(self):
        """The matrix, `(outputs, inputs)`."""
        raise NotImplementedError

    @property
    def terms(self):
        """How many products an output is the sum of, at most."""
        return self.shape[1]

    @property
    def entries(self):
        """The array that the operator is linear in."""
        return getattr(self, dataclasses.fields(self)[0].name)

    def with_entries(self, entries):
        """The same operator with another array."""
        return dataclasses.replace(
            self, **{dataclasses.fields(self)[0].name: entries}
        )

    def scaled(self, exponent):
        """The operator times `2 ** exponent`."""
        return self.with_entries(np.ldexp(self.entries, exponent))
