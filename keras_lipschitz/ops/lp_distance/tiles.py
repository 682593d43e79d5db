"""Distances in tiles that fit the caches of a processor, for XLA.

Three things make XLA emit vector code without large buffers: elementwise
operations on unrolled inputs instead of a reduction; tiles of output columns
that fit the first-level cache; and maxima of integers, as the bits of floats
that are not negative are ordered as they are.
"""

import math

from keras import ops

from keras_lipschitz.ops.lp_distance.broadcast import inverse_of
from keras_lipschitz.ops.lp_distance.power import exponent
from keras_lipschitz.ops.lp_distance.power import power

# Inputs in a chunk. XLA fuses the slice of a chunk into the arithmetic, which
# is then no vector code, unless it is used this often.
CHUNK = 16
_LARGEST_TILE = 256
_LARGEST_GROUP = 2
# Chunks that a vector loop may go through where chunks are counted: threads
# meet after each loop. Maxima alone are no vector code any more then.
_TOGETHER = 2, 3, 4


def tiling(columns):
    """How to cut columns: `(groups, tiles in a group, columns in a tile)`."""
    tiles = math.ceil(columns / _LARGEST_TILE)
    groups = math.ceil(tiles / _LARGEST_GROUP)
    tiles = math.ceil(tiles / groups)
    return groups, tiles, up_to(16, math.ceil(columns / (groups * tiles)))


def largest(x, w, one_sided=False, keep=False):
    """`max_i |x_bi - w_io|`, or `max_i max(x_bi - w_io, 0)`.

    Returns:
        The tensor `(rows, columns)`, and an integer tensor: if `keep`, the
        first chunk of inputs that holds the largest, else an empty one.
    """

    def step(k, differences, best, *chunk):
        before = best
        for d in differences:
            best = ops.maximum(best, _bits(d, one_sided))
        return best, *(ops.where(best > before, k, c) for c in chunk)

    start = ["int32", "int32"] if keep else ["int32"]
    together = _together(x.shape[1]) if keep else 1
    best, *chunk = _accumulated(x, w, step, start, together)
    return ops.view(best, "float32"), chunk[0] if keep else best[:, :0]


def norm(x, w, p):
    """`(sum_i |x_bi - w_io|^p)^(1/p)` of finite `p`."""
    scale, _ = largest(x, w)
    powers = exponent(p)

    def step(k, differences, total, inverse):
        for d in differences:
            total = total + power(ops.abs(d) * inverse, powers)
        return total, inverse

    total, _ = _accumulated(x, w, step, ["float32", inverse_of(scale)])
    return scale * ops.power(total, 1.0 / p)


def _together(inputs):
    """How many chunks to take together, so that little is filled up."""
    chunks = math.ceil(inputs / CHUNK)
    return min(reversed(_TOGETHER), key=lambda n: up_to(n, chunks))


def up_to(multiple, n):
    return math.ceil(n / multiple) * multiple


def pad(x, rows, columns):
    """`x` with zeros below and to the right."""
    below, right = rows - x.shape[0], columns - x.shape[1]
    return ops.pad(x, [(0, below), (0, right)]) if below or right else x


def _bits(difference, one_sided):
    # The bits of a negative float are a negative integer, and maxima start at
    # zero: one-sided differences need no operation.
    size = difference if one_sided else ops.abs(difference)
    return ops.view(size, "int32")


def _accumulated(x, w, step, start, together=1):
    """Folds `step` over chunks of inputs, for all pairs of row and column.

    Args:
        x: Tensor `(rows, inputs)` of static shape.
        w: Tensor `(inputs, columns)`.
        step: Function of the number of the chunk, the list of differences
            `x_bi - w_io` of the chunk, and the accumulators; returns those.
        start: What each accumulator starts from, a tensor `(rows, columns)`,
            or its dtype to start from zero.
        together: Integer, how many chunks to unroll.

    Returns:
        The accumulators, tensors `(rows, columns)`.
    """
    rows, columns = x.shape[0], w.shape[1]
    groups, tiles, tile = tiling(columns)
    group = tiles * tile
    length = together * CHUNK
    inputs = up_to(length, x.shape[1])
    x = pad(x, rows, inputs)
    w = pad(w, inputs, groups * group)
    start = [
        ops.zeros((rows, groups * group), s)
        if isinstance(s, str)
        else pad(s, rows, groups * group)
        for s in start
    ]

    def per_group(n, results):
        def per_length(k, state):
            left = ops.slice(x, (0, k * length), (rows, length))
            right = ops.slice(w, (k * length, n * group), (length, group))
            right = ops.reshape(right, (length, tiles, 1, tile))
            for i in range(together):
                chunk = range(i * CHUNK, (i + 1) * CHUNK)
                differences = [left[:, j : j + 1] - right[j] for j in chunk]
                state = step(k * together + i, differences, *state)
            return state

        state = tuple(
            ops.transpose(
                ops.reshape(
                    ops.slice(r, (0, n * group), (rows, group)),
                    (rows, tiles, tile),
                ),
                (1, 0, 2),
            )
            for r in results
        )
        state = ops.fori_loop(0, inputs // length, per_length, state)
        return tuple(
            ops.slice_update(
                r,
                (0, n * group),
                ops.reshape(ops.transpose(s, (1, 0, 2)), (rows, group)),
            )
            for r, s in zip(results, state, strict=True)
        )

    results = ops.fori_loop(0, groups, per_group, tuple(start))
    return [r[:, :columns] for r in results]
