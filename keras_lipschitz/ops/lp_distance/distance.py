"""Distances of a batch and their gradients, block by block."""

import dataclasses
import functools
import math

import keras
from keras import ops

from keras_lipschitz.ops.lp_distance import broadcast
from keras_lipschitz.ops.lp_distance import exported
from keras_lipschitz.ops.lp_distance import native
from keras_lipschitz.ops.lp_distance import parts
from keras_lipschitz.ops.lp_distance import tile_gradients
from keras_lipschitz.ops.lp_distance import tiles
from keras_lipschitz.ops.lp_distance.blocks import in_blocks
from keras_lipschitz.ops.lp_distance.choice import Choice
from keras_lipschitz.ops.lp_distance.choice import choose
from keras_lipschitz.ops.lp_distance.gradient import with_gradient
from keras_lipschitz.ops.lp_distance.window import Window

_CODE = {
    "broadcast": (broadcast, broadcast),
    "native": (native, native),
    "parts": (parts, parts),
    "tiles": (tiles, tile_gradients),
}


@dataclasses.dataclass(frozen=True)
class Distance:
    """The distance of rows, or of patches of images, to columns of a matrix.

    Args:
        columns: Integer, columns of the matrix.
        at_infinity: The `Choice` at `p = inf`.
        at_finite: The `Choice` at finite `p`.
        infinite: Whether `p` is infinite; `None` where only its tensor tells.
        window: A `Window` where the batch is of images, or `None`.
        one_sided: Whether negative differences count as zero.
    """

    columns: int
    at_infinity: Choice
    at_finite: Choice
    infinite: bool | None
    window: Window | None = None
    one_sided: bool = False

    def forward(self, x, w, p, keep):
        """The distances, and if `keep` what makes their gradient cheaper."""
        keep = keep and self.infinite is not False
        keep = keep and self.at_infinity.code == "tiles"

        def infinite():
            run = _compiled(self, "_largest", keep)
            results = self._result(x.dtype), self._result("int32", keep)
            return in_blocks(
                lambda x: run(x, w), self.at_infinity, [x], results
            )

        def finite():
            run = _compiled(self, "_norm")
            (y,) = in_blocks(
                lambda x: (run(x, w, p),),
                self.at_finite,
                [x],
                [self._result(x.dtype)],
            )
            place = y if keep else y[..., :0]
            return y, ops.zeros_like(place, "int32")

        return self._either(p, infinite, finite)

    def backward(self, x, w, p, y, place, g):
        """Gradients of `sum(g * y)` to `x` and `w`."""
        dtype = keras.backend.standardize_dtype(x.dtype)
        results = [(tuple(x.shape[1:]), dtype)]

        def infinite():
            run = _compiled(self, "_largest_gradient")
            return in_blocks(
                lambda x, *rest: run(x, w, *rest),
                self.at_infinity.at_gradient(ops.shape(x)[0]),
                [x, y, place, g],
                results,
                total=w.shape,
            )

        def finite():
            run = _compiled(self, "_norm_gradient")
            return in_blocks(
                lambda x, *rest: run(x, w, p, *rest),
                self.at_finite,
                [x, y, g],
                results,
                total=w.shape,
            )

        (dx,), dw = self._either(p, infinite, finite)
        return dx, dw

    def _either(self, p, infinite, finite):
        if self.infinite is None:
            return ops.cond(ops.isinf(p), infinite, finite)
        return infinite() if self.infinite else finite()

    def _result(self, dtype, keep=True):
        rows = (self.window.positions,) if self.window else ()
        shape = (*rows, self.columns if keep else 0)
        return shape, keras.backend.standardize_dtype(dtype)

    # Of a block.

    def _largest(self, x, w, keep):
        forward, _ = _CODE[self.at_infinity.code]
        y, place = forward.largest(self._rows(x), w, self.one_sided, keep)
        return self._items(y), self._items(place)

    def _norm(self, x, w, p):
        forward, _ = _CODE[self.at_finite.code]
        return self._items(forward.norm(self._rows(x), w, p))

    def _largest_gradient(self, x, w, y, place, g):
        _, backward = _CODE[self.at_infinity.code]
        dx, dw = backward.largest_gradient(
            self._rows(x), w, *map(_flat, (y, place, g)), self.one_sided
        )
        return (self._rows_adjoint(dx),), dw

    def _norm_gradient(self, x, w, p, y, g):
        _, backward = _CODE[self.at_finite.code]
        dx, dw = backward.norm_gradient(
            self._rows(x), w, p, *map(_flat, (y, g))
        )
        return (self._rows_adjoint(dx),), dw

    def _rows(self, x):
        return self.window.patches(x) if self.window else x

    def _rows_adjoint(self, dx):
        return self.window.patches_adjoint(dx) if self.window else dx

    def _items(self, y):
        if self.window is None:
            return y
        positions = self.window.positions
        images = ops.shape(y)[0] // positions
        return ops.reshape(y, (images, positions, y.shape[-1]))


def distance(x, w, p, infinite, keep=False, window=None, one_sided=False):
    """The distance of each row, or patch, to each column, with its gradient.

    Args:
        x: Tensor `(rows, inputs)`, or images.
        w: Tensor `(inputs, columns)` of the same precision.
        p: Scalar tensor of the same precision.
        infinite: Whether `p` is infinite; `None` where only its tensor tells.
        keep: Whether a gradient is expected.
        window: A `Window` where `x` is a batch of images.
        one_sided: Whether negative differences count as zero.

    Returns:
        Tensor `(rows, columns)`, or `(images, patches, columns)`.
    """
    if infinite and exported.is_exporting():
        return _exported(x, w, window, one_sided)
    return _distance(x, w, p, infinite, keep, window, one_sided)


def _distance(x, w, p, infinite, keep, window, one_sided):
    rows = window.positions if window else 1
    at_infinity, at_finite = (
        choose(x, rows, *w.shape, native=native)
        for native in (not one_sided, False)
    )
    description = Distance(
        w.shape[1], at_infinity, at_finite, infinite, window, one_sided
    )
    return _function(description, keep)(x, w, p)


if keras.backend.backend() == "torch":
    import torch

    # It would unroll the loops over blocks and compile for a minute.
    _distance = torch.compiler.disable(_distance)


def _exported(x, w, window, one_sided):
    if window is None:
        return exported.largest(x, w, one_sided)
    y = exported.largest(window.patches(x), w, one_sided)
    return ops.reshape(y, (-1, window.positions, w.shape[1]))


@functools.cache
def _function(distance, keep):
    function = with_gradient(distance.forward, distance.backward, keep)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


@functools.cache
def _compiled(distance, name, *arguments):
    """A method for blocks, compiled on TensorFlow where that was chosen."""
    function = getattr(distance, name)
    if arguments:
        function = functools.partial(function, keep=arguments[0])
    infinite = name.startswith("_largest")
    choice = distance.at_infinity if infinite else distance.at_finite
    if keras.backend.backend() != "tensorflow" or not choice.compiled:
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)


def _flat(y):
    rows = math.prod(ops.shape(y)[:-1])
    return ops.reshape(y, (rows, y.shape[-1]))
