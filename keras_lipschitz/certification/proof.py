"""The search for the smallest bound that can be proved."""

import numpy as np

from keras_lipschitz.certification.cholesky import eigenvalue_bounds
from keras_lipschitz.certification.gram import gram_bounds
from keras_lipschitz.certification.rounding import UpperBound
from keras_lipschitz.certification.stacks import Gram

# What the matrices in work at one time may take, in bytes.
_MEMORY = 2**27
_REFINEMENTS = 3


def prove(family, floor):
    """The largest norm of a family, from above.

    Args:
        family: A `MatrixFamily` or `ConvolutionFamily`.
        floor: Float, a lower bound of that norm, meant to be close.

    Returns:
        An `UpperBound`, infinite where no proof was found.
    """
    bounds = np.full(family.count, np.inf)
    pending = np.arange(family.count)
    previous = 0.0
    for slack in _slacks(family):
        bounds[pending] = _attempt(family, pending, floor**2 * (1 + slack))
        hard = pending
        pending = np.flatnonzero(np.isinf(bounds))
        if not pending.size:
            break
        previous = slack
    else:
        return UpperBound(np.inf)
    if not family.exact:
        _refine(family, floor, bounds, hard, previous, slack)
    return UpperBound(bounds.max()) ** 0.5 + family.error


def prove_by_squaring(family, iterations=12):
    """The same by Gram iteration, for families of plain matrices."""
    largest = 0.0
    for indices in _parts(family, np.arange(family.count)):
        (matrices,) = family.stack(indices).taps
        largest = max(largest, gram_bounds(matrices, iterations).max())
    return UpperBound(largest) + family.error


def _slacks(family):
    """By how much a bound of the squared norm may exceed `floor ** 2`.

    The norm of an exact family is `floor`, if Lanczos converged. The others
    are larger by a factor that only attempts can tell.
    """
    if family.exact:
        return 1e-9 * 10.0 ** np.arange(8)
    return 2.5e-4 * 2.0 ** np.arange(40)


def _attempt(family, indices, shift):
    """Bounds of the squared norms, infinite where `shift` is too small."""
    bounds = []
    for part in _parts(family, indices):
        stack = family.stack(part).smaller()
        found = eigenvalue_bounds(Gram(stack), shift)
        # The groups of a convolution follow their frequency.
        bounds.append(found.reshape(len(part), -1).max(axis=1))
    return np.concatenate(bounds)


def _refine(family, floor, bounds, hard, low, high):
    """Bisection on the matrices that failed at `low` and passed at `high`."""
    for _ in range(_REFINEMENTS):
        middle = (low + high) / 2
        shift = floor**2 * (1 + middle)
        hard = hard[bounds[hard] > shift]
        found = _attempt(family, hard, shift)
        bounds[hard] = np.minimum(bounds[hard], found)
        if np.isinf(found).any():
            low = middle
        else:
            high = middle


def _parts(family, indices):
    size = max(1, _MEMORY // int(family.work.bytes))
    return [indices[i : i + size] for i in range(0, len(indices), size)]
