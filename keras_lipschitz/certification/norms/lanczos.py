"""The largest singular value from below."""

import numpy as np

from keras_lipschitz.certification.rounding import gamma

# Up to here LAPACK finds all singular values before Lanczos finds one.
_SMALL = 256
_LARGEST_MATRIX = 2**20
_STEPS, _LEAST_STEPS = 32, 12
_KEPT = 8
# Vectors up to here are worth some steps more.
_QUICK = 2**14
_RESTARTS = 20
# What the basis and its images may take, in bytes.
_MEMORY = 2**28


def top_singular_vector(operator, start=None):
    """The input that an operator stretches most, approximately.

    Args:
        operator: An `Operator` with entries of ordinary size.
        start: Vector of inputs to begin the search with. A poor one, even one
            orthogonal to the result, delays the search and no more.

    Returns:
        A vector of inputs of length one. The same arguments give the same
        result.
    """
    rows, columns = operator.shape
    if min(rows, columns) <= _SMALL and rows * columns <= _LARGEST_MATRIX:
        return _by_lapack(operator.dense())
    if columns <= rows:
        return _search(
            lambda x: operator.rmatvec(operator.matvec(x)),
            _mixed(start, columns),
        )
    left = None if start is None else operator.matvec(start)
    y = _search(
        lambda y: operator.matvec(operator.rmatvec(y)), _mixed(left, rows)
    )
    return _unit(operator.rmatvec(y))


def attained(operator, vector):
    """What an operator makes of a vector, relative to its length.

    Returns:
        The quotient as computed; a number that the exact one is proven to
        reach, less by the rounding of every operation; the image.
    """
    rows, columns = operator.shape
    image = operator.matvec(vector)
    absolute = operator.with_entries(np.abs(operator.entries))
    rounding = gamma(operator.terms + 2) * np.linalg.norm(
        absolute.matvec(np.abs(vector))
    )
    length, size = np.linalg.norm(vector), np.linalg.norm(image)
    room = gamma(rows + columns + 16)
    least = (size * (1 - room) - rounding * (1 + room)) / length * (1 - room)
    return float(size / length), max(float(least), 0.0), image


def _by_lapack(matrix):
    rows, columns = matrix.shape
    gram = matrix.T @ matrix if columns <= rows else matrix @ matrix.T
    _, vectors = np.linalg.eigh(gram)
    vector = vectors[:, -1]
    return vector if columns <= rows else _unit(vector @ matrix)


def _mixed(start, size):
    """`start` with noise, so that it is orthogonal to nothing."""
    noise = _unit(np.random.default_rng(0).standard_normal(size))
    if start is None:
        return noise
    start = np.asarray(start, "float64").ravel()
    if start.size != size or not np.isfinite(start).all():
        return noise
    return _unit(_unit(start) + 0.1 * noise)


def _search(gram, x):
    """The top eigenvector of a symmetric operator by thick-restart Lanczos."""
    affordable = max(_LEAST_STEPS, _MEMORY // (16 * x.size))
    steps = min(_STEPS, affordable, x.size)
    basis = np.empty((steps + 1, x.size))
    images = np.empty((steps, x.size))
    tolerance = 1e-9 if x.size <= _QUICK else 1e-6
    basis[0], kept, best = x, 0, 0.0
    for _ in range(_RESTARTS):
        size, exhausted = _extend(gram, basis, images, kept, steps)
        projected = basis[:size] @ images[:size].T
        values, vectors = np.linalg.eigh((projected + projected.T) / 2)
        if exhausted or values[-1] <= best * (1 + tolerance):
            break
        best, kept = values[-1], min(_KEPT, size // 2)
        top = vectors[:, -kept:].T
        following = basis[size].copy()
        basis[:kept], images[:kept] = top @ basis[:size], top @ images[:size]
        basis[kept] = following
    return _unit(vectors[:, -1] @ basis[:size])


def _extend(gram, basis, images, start, steps):
    """Grows an orthonormal basis until `steps` vectors have their images.

    Returns:
        How many have, and whether the space is exhausted: nothing is left of
        the last image outside of it.
    """
    for i in range(start, steps):
        images[i] = gram(basis[i])
        rest = images[i].copy()
        # Twice is enough to make the basis orthogonal to working precision.
        for _ in range(2):
            rest -= (basis[: i + 1] @ rest) @ basis[: i + 1]
        length = np.linalg.norm(rest)
        if length <= 1e-12 * np.linalg.norm(images[i]):
            return i + 1, True
        basis[i + 1] = rest / length
    return steps, False


def _unit(x):
    length = np.linalg.norm(x)
    return x / length if length > 0 else x
