"""The search for the smallest bound that can be proved."""

import numpy as np

from keras_lipschitz.certification.norms.cholesky import eigenvalue_bounds
from keras_lipschitz.certification.norms.gram import gram_bounds
from keras_lipschitz.certification.norms.stacks import Gram
from keras_lipschitz.certification.rounding import UpperBound

# What the matrices in work at one time may take, in bytes.
_MEMORY = 2**26
# Slacks: by how much a bound of the squared norm exceeds the guess.
_SMALLEST, _LARGEST_EXACT, _LARGEST = 1e-9, 1e-2, 1e6
_FIRST_PROBE, _BISECTIONS = 1e-3, 5


def prove(family, guess):
    """The largest norm of a family, from above.

    Args:
        family: A `MatrixFamily` or `ConvolutionFamily`.
        guess: Float, a lower bound of that norm, meant to be close. Of an
            exact family it should be that norm.

    Returns:
        An `UpperBound`, infinite where no proof was found.
    """
    if family.exact:
        slack, growth, largest = _SMALLEST, 10.0, _LARGEST_EXACT
    else:
        slack, growth, largest = _probe(family, guess), 1.25, _LARGEST
    bounds = np.full(family.count, np.inf)
    pending = np.arange(family.count)
    while pending.size and slack <= largest:
        bounds[pending] = _attempt(family, pending, guess, slack)
        pending = np.flatnonzero(np.isinf(bounds))
        slack *= growth
    return UpperBound(bounds.max()) ** 0.5 + family.error


def prove_by_squaring(family, iterations=12):
    """The same by Gram iteration, for families of plain matrices."""
    largest = 0.0
    for indices in _parts(family, np.arange(family.count)):
        (matrices,) = family.stack(indices).taps
        largest = max(largest, gram_bounds(matrices, iterations).max())
    return UpperBound(largest) + family.error


def _attempt(family, indices, guess, slack):
    """Bounds of the squared norms, infinite where the slack is too small."""
    bounds = []
    for part in _parts(family, indices):
        gram = Gram(family.stack(part).smaller())
        found = eigenvalue_bounds(gram, guess**2 * (1 + slack))
        # The groups of a convolution follow their frequency.
        bounds.append(found.reshape(len(part), -1).max(axis=1))
    return np.concatenate(bounds)


def _probe(family, guess):
    """The slack that the matrices need that are likely to need most."""
    likely = np.arange(family.count // 64 + 1)

    def holds(slack):
        return np.isfinite(_attempt(family, likely, guess, slack)).all()

    low, high = 0.0, _FIRST_PROBE
    while not holds(high) and high <= _LARGEST:
        low, high = high, 4 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _parts(family, indices):
    size = max(1, _MEMORY // int(family.work.bytes))
    return [indices[i : i + size] for i in range(0, len(indices), size)]
