"""As `broadcast`, a few columns at a time: for PyTorch, which keeps nothing
in cache between operations that is larger.
"""

from keras_lipschitz.ops.lp_distance import broadcast

# Pairs of entries at a time.
_PAIRS = 2**18


def largest(x, w, one_sided=False, keep=False):
    y = x.new_empty((x.shape[0], w.shape[1]))
    for at in _columns(x, w):
        y[:, at], place = broadcast.largest(x, w[:, at], one_sided)
    return y, place


def largest_gradient(x, w, y, place, g, one_sided=False):
    def gradients(w, y, g):
        return broadcast.largest_gradient(x, w, y, place, g, one_sided)

    return _gradients(gradients, x, w, y, g)


def norm(x, w, p):
    y = x.new_empty((x.shape[0], w.shape[1]))
    for at in _columns(x, w):
        y[:, at] = broadcast.norm(x, w[:, at], p)
    return y


def norm_gradient(x, w, p, y, g):
    def gradients(w, y, g):
        return broadcast.norm_gradient(x, w, p, y, g)

    return _gradients(gradients, x, w, y, g)


def _gradients(function, x, w, y, g):
    dx, dw = x.new_zeros(x.shape), w.new_empty(w.shape)
    for at in _columns(x, w):
        added, dw[:, at] = function(w[:, at], y[:, at], g[:, at])
        dx += added
    return dx, dw


def _columns(x, w):
    rows, inputs = x.shape
    step = max(_PAIRS // max(rows * inputs, 1), 1)
    starts = range(0, w.shape[1], step)
    return [slice(start, start + step) for start in starts]
