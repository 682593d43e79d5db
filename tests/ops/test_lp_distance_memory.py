"""No tensor holds all differences, and none is much larger than those given."""

import math
import re

import distance_gradients
import keras
import numpy as np
import pytest

from keras_lipschitz.ops import lp_distance
from keras_lipschitz.ops import lp_distance_conv2d

BACKEND = keras.backend.backend()


def dense(x, w, p):
    return lp_distance(x, w, p, training=True)


def convolution(x, w, p):
    return lp_distance_conv2d(x, w, p, padding="same", training=True)


def largest_tensor(f, g, x, w):
    """Entries of the largest tensor of the compiled program."""
    if BACKEND == "torch":
        return _largest_result(f, g, x, w)
    sizes = re.findall(r"\b[a-z]+\d+\[([\d,]+)\]", _program(f, g, x, w))
    return max(math.prod(map(int, size.split(","))) for size in sizes)


def _program(f, g, x, w):
    p = np.float32(8.0)
    if BACKEND == "jax":
        import jax

        def step(g, x, w, p):
            return jax.vjp(lambda x, w: f(x, w, p), x, w)[1](g)

        return jax.jit(step).lower(g, x, w, p).compile().as_text()

    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def step(g, x, w, p):
        with tf.GradientTape() as tape:
            tape.watch((x, w))
            y = f(x, w, p)
        return tape.gradient(y, (x, w), output_gradients=g)

    arrays = map(tf.constant, (g, x, w, p))
    compiler_ir = step.experimental_get_compiler_ir(*arrays)
    return compiler_ir(stage="optimized_hlo")


def _largest_result(f, g, x, w):
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    sizes = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            results = function(*args, **(kwargs or {}))
            sizes.extend(
                leaf.numel()
                for leaf in tree_leaves(results)
                if hasattr(leaf, "numel")
            )
            return results

    with Sizes():
        for p in (8.0, math.inf):
            distance_gradients.differentiable(f)(g, x, w, np.float32(p))
    return max(sizes)


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "f, x_shape, w_shape, y_shape",
    [
        (dense, (256, 120), (120, 600), (256, 600)),
        (convolution, (64, 16, 16, 16), (3, 3, 16, 64), (64, 16, 16, 64)),
    ],
)
def test_no_tensor_of_all_differences(f, x_shape, w_shape, y_shape):
    g, x, w = (
        np.zeros(shape, "float32") for shape in (y_shape, x_shape, w_shape)
    )
    allowed = max(4 * max(g.size, x.size, w.size), 2**21)
    pairs = g.size * math.prod(w_shape[:-1])
    assert largest_tensor(f, g, x, w) <= allowed < pairs / 5
