"""Linear functions on the intersection of a ball and a box."""

from keras import ops

_TINY = 1e-30
_LARGEST = 1e12


def ball_and_box_maximum(rows, lower, upper, radius, rounds=1):
    """Upper bounds of `<c, d>` for all `d` in a ball and a box.

    The ball is `||d|| <= radius`, the box `lower <= d <= upper`. For any
    `t > 0` Lagrange's duality bounds it by

        <c, d> + (radius^2 - ||d||^2) / (2 t),  d = clip(t c, lower, upper),

    and the maximum is reached where `||d|| = radius`. Each round raises `t` so
    that the entries inside the box use up what is left of the radius, as the
    water-filling of BCP does; but whenever it is stopped the result is a bound
    from above. Without a box it is `radius ||c||`. The gradient holds `t`
    constant, which is exact at the maximum.

    Args:
        rows: Tensor `(batch, classes, entries)`, the vectors `c`.
        lower: Tensor `(batch, entries)`, not positive.
        upper: Tensor `(batch, entries)`, not negative.
        radius: Tensor `(batch,)`.
        rounds: Integer, how often to raise `t`. Defaults to `1`.

    Returns:
        Tensor `(batch, classes)`.

    Reference:
        - [Lee et al., Lipschitz-Certifiable Training with a Tight Outer Bound,
          NeurIPS 2020](https://papers.nips.cc/paper/2020/hash/
          c46482dd5d39742f0bfd417b492d0e8e-Abstract.html)
    """
    lower, upper = lower[:, None], upper[:, None]
    squared = ops.square(radius)[:, None]
    t = _water_level(
        *map(ops.stop_gradient, (rows, lower, upper, squared)), rounds
    )
    d = ops.clip(t[..., None] * rows, lower, upper)
    value = ops.sum(rows * d, axis=-1)
    unused = squared - ops.sum(ops.square(d), axis=-1)
    in_ball = ops.sqrt(squared) * _lengths(rows)
    return ops.minimum(value + unused / (2.0 * t), in_ball)


def _water_level(rows, lower, upper, squared, rounds):
    free = ops.sum(ops.square(rows), axis=-1)
    t = _capped(squared, free)
    for _ in range(rounds):
        inside = (t[..., None] * rows > lower) & (t[..., None] * rows < upper)
        at_border = ops.clip(t[..., None] * rows, lower, upper)
        used = ops.sum(ops.where(inside, 0.0, ops.square(at_border)), axis=-1)
        free = ops.sum(ops.where(inside, ops.square(rows), 0.0), axis=-1)
        raised = _capped(ops.maximum(squared - used, 0.0), free)
        # With nothing inside, any level gives the corner of the box.
        t = ops.where(free > _TINY, ops.maximum(t, raised), 1e3 * t)
        t = ops.minimum(t, _LARGEST)
    return ops.maximum(t, _TINY)


def _capped(squared, free):
    return ops.minimum(ops.sqrt(squared / ops.maximum(free, _TINY)), _LARGEST)


def _lengths(rows):
    squared = ops.sum(ops.square(rows), axis=-1)
    positive = squared > 0.0
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)
