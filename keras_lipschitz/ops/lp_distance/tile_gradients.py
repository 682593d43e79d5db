"""Gradients of the distances in `tiles`."""

import keras
import numpy as np
from keras import ops

from keras_lipschitz.ops.lp_distance.broadcast import inverse_of
from keras_lipschitz.ops.lp_distance.power import exponent
from keras_lipschitz.ops.lp_distance.power import power
from keras_lipschitz.ops.lp_distance.tiles import CHUNK
from keras_lipschitz.ops.lp_distance.tiles import largest
from keras_lipschitz.ops.lp_distance.tiles import pad
from keras_lipschitz.ops.lp_distance.tiles import tiling
from keras_lipschitz.ops.lp_distance.tiles import up_to

# Rows of a tile: with half as many XLA on JAX takes 1.3 times as long.
_ROWS = 64
# Rows of which the largest differences are looked up at once.
_LOOKED_UP = 16


def norm_gradient(x, w, p, y, g):
    """Gradients of `sum(g * norm(x, w, p))` to `x` and `w`.

    With `u = (x_bi - w_io) / y_bo`, each pair contributes
    `g_bo u |u|^(p - 2)` to `dx_bi` and takes it from `dw_io`.
    """
    (rows, inputs), columns = x.shape, w.shape[1]
    groups, tiles, tile = tiling(columns)
    tiles, chunks = groups * tiles, up_to(CHUNK, inputs) // CHUNK
    height = min(_ROWS, up_to(CHUNK, rows))
    slices = up_to(height, rows) // height
    shape = slices * height, chunks * CHUNK, tiles * tile
    left = pad(x, shape[0], shape[1])
    right = pad(w, shape[1], shape[2])
    inverse = pad(inverse_of(y), shape[0], shape[2])
    g = pad(g, shape[0], shape[2])
    powers = exponent(p - 2.0)

    def contributions(at_row, at_input, at_column):
        a = ops.slice(left, (at_row, at_input), (height, CHUNK))
        b = ops.slice(right, (at_input, at_column), (CHUNK, tile))
        corner, size = (at_row, at_column), (height, tile)
        u = ops.transpose(a)[:, :, None] - b[:, None, :]
        u = u * ops.slice(inverse, corner, size)
        return power(ops.abs(u), powers) * u * ops.slice(g, corner, size)

    def step(n, gradients):
        dx, dw = gradients
        at_row = n // (chunks * tiles) * height
        at_input = n // tiles % chunks * CHUNK
        at_column = n % tiles * tile
        # Both sums need them. XLA would compute them twice, but the result of
        # a branch it keeps.
        t = ops.cond(
            p > 0.0,
            lambda: contributions(at_row, at_input, at_column),
            lambda: ops.zeros((CHUNK, height, tile), "float32"),
        )
        dx = _added(dx, (at_row, at_input), ops.transpose(ops.sum(t, axis=2)))
        dw = _added(dw, (at_input, at_column), -ops.sum(t, axis=1))
        return dx, dw

    start = ops.zeros_like(left), ops.zeros_like(right)
    dx, dw = ops.fori_loop(0, slices * chunks * tiles, step, start)
    return dx[:rows, :inputs], dw[:inputs, :columns]


def largest_gradient(x, w, y, place, g, one_sided=False):
    """Gradients of `sum(g * largest(x, w))`: of the first largest difference.

    Args:
        x: Tensor `(rows, inputs)`.
        w: Tensor `(inputs, columns)`.
        y: Tensor `(rows, columns)`: the largest differences.
        place: What `largest` kept: where they are, or nothing.
        g: Tensor of that shape.
        one_sided: Whether negative differences count as zero.
    """
    if place.shape[1] == 0:
        _, place = largest(x, w, one_sided, keep=True)
    (rows, inputs), columns = x.shape, w.shape[1]
    first, sign = _first_largest(x, w, y, place, one_sided)
    slope = ops.where(y > 0.0, sign * g, 0.0)
    row = ops.arange(rows, dtype="int32")[:, None]
    column = ops.arange(columns, dtype="int32")
    in_x = row * np.int32(inputs) + first
    in_w = first * np.int32(columns) + column
    return _scattered(slope, in_x, x.shape), _scattered(-slope, in_w, w.shape)


def _first_largest(x, w, y, place, one_sided):
    """Which input has the first largest difference, and 1 or -1, its sign.

    Chunks are looked up whole: each is one cache line, of `w` too once it lies
    the other way. A few rows at a time stay in cache.
    """
    (rows, inputs), columns = x.shape, w.shape[1]
    height, chunks = min(_LOOKED_UP, rows), up_to(CHUNK, inputs) // CHUNK
    slices = up_to(height, rows) // height
    left = pad(x, slices * height, chunks * CHUNK)
    left = ops.reshape(left, (slices, height * chunks, CHUNK))
    right = ops.transpose(pad(w, chunks * CHUNK, columns))
    right = ops.reshape(right, (columns * chunks, CHUNK))
    y, place = (pad(a, slices * height, columns) for a in (y, place))
    row = ops.arange(height, dtype="int32")[:, None] * np.int32(chunks)
    column = ops.arange(columns, dtype="int32") * np.int32(chunks)
    within = ops.arange(CHUNK, dtype="int32")

    def step(n, found):
        corner, size = (n * height, 0), (height, columns)
        chunk = ops.slice(place, corner, size)
        largest = ops.slice(y, corner, size)[..., None]
        d = _taken(left[n], row + chunk) - _taken(right, column + chunk)
        is_largest = (d if one_sided else ops.abs(d)) == largest
        # One minimum for both: XLA would take the chunks anew for another.
        code = 2 * within + ops.cast(d < 0.0, "int32")
        code = ops.min(ops.where(is_largest, code, 2 * CHUNK - 1), axis=-1)
        return ops.slice_update(found, corner, 2 * CHUNK * chunk + code)

    found = ops.fori_loop(0, slices, step, ops.zeros_like(place))[:rows]
    sign = ops.cast(1 - 2 * ops.bitwise_and(found, 1), "float32")
    return ops.minimum(found // 2, inputs - 1), sign


def _taken(x, indices):
    """`x[indices]`, all of them valid: Keras would check, which takes longer
    than to take."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(x, indices)
    return x.at[indices].get(mode="promise_in_bounds")


def _added(x, corner, update):
    return ops.slice_update(
        x, corner, ops.slice(x, corner, update.shape) + update
    )


def _scattered(values, indices, shape):
    sums = ops.segment_sum(
        ops.reshape(values, (-1,)),
        ops.reshape(indices, (-1,)),
        num_segments=shape[0] * shape[1],
    )
    return ops.reshape(sums, shape)
