"""Residual blocks of Keras' own layers, taken as one where that is proved.

**Theorem** (Meunier et al.; Araujo et al.). *Let `f` act entry by entry, with
slopes between 0 and 1, and `n >= ||V||`. Then*

    y = x - 2 V f(V^T x + b) + c

*has the Lipschitz constant `max(1, 2 n^2 - 1) <= max(1, n^4)`.*

For any two `x` there is a diagonal `D` between 0 and 1 with `f(V^T x + b) -
f(V^T x' + b) = D V^T (x - x')`. So `y - y' = (I - 2 V D V^T) (x - x')`, a
symmetric matrix with eigenvalues between `1 - 2 n^2` and 1.

Of two layers with kernels of their own only the weights can tell whether the
second one is `-2 V`. They are compared exactly, each time anew: after a step
of training, or with another last bit, a block is a sum of two branches again.

Reference:
    - [Meunier et al., A Dynamical System Perspective for Lipschitz Neural
      Networks, ICML 2022](https://arxiv.org/abs/2110.12690)
    - [Araujo et al., A Unified Algebraic Perspective on Lipschitz Neural
      Networks, ICLR 2023](https://arxiv.org/abs/2303.03169)
"""

import dataclasses

import numpy as np

from keras_lipschitz.certification.norms.operators import DenseOperator
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.propagation.checks import check_arithmetic
from keras_lipschitz.propagation.composition import Composition
from keras_lipschitz.propagation.registry import linear_map_of
from keras_lipschitz.propagation.residual_blocks import residual_blocks


def with_residual_blocks(composition):
    """A composition in which residual blocks are single steps.

    Args:
        composition: A `Composition`.

    Returns:
        A `Composition` for the present weights only; the same one where no
        block is proved to be a convex potential step.
    """
    if composition.norm != 2:
        return composition
    graph = composition.graph
    blocks = [
        (block, steps)
        for block, steps in residual_blocks(graph)
        if _is_potential_step(block.layer)
    ]
    if not blocks:
        return composition
    return Composition(graph.model, graph=graph.joined(blocks))


def _is_potential_step(block):
    """Whether the second map is exactly -2 times the adjoint of the first."""
    forward, backward = map(_operator, (block.branch[0], block.branch[-1]))
    adjoint = _adjoint(forward)
    if adjoint is None:
        return False
    # Twice a float64 is one.
    expected = adjoint.with_entries(-2.0 * adjoint.entries)
    return all(
        np.array_equal(getattr(backward, f.name), getattr(expected, f.name))
        for f in dataclasses.fields(expected)
    )


def _operator(step):
    check_arithmetic(step)
    return operator_of(linear_map_of(step.layer, step.input_shapes[0]))


def _adjoint(operator):
    """The adjoint, or `None` where it is no operator of that kind.

    For a convolution `y[o] = sum_t W_t x[o + d t - p]` with `k` taps it is
    `x[i] = sum_t W_{k-1-t}^T y[i + d t - (d (k - 1) - p)]`.
    """
    if isinstance(operator, DenseOperator):
        return DenseOperator(operator.matrix.T)
    if operator.groups > 1 or set(operator.strides) != {1}:
        return None
    taps, dilation = operator.kernel.shape[:2], operator.dilation
    return dataclasses.replace(
        operator,
        kernel=operator.kernel[::-1, ::-1].swapaxes(-1, -2),
        input_size=operator.output_size,
        padding=tuple(
            (d * (k - 1) - before, d * (k - 1) - after)
            for d, k, (before, after) in zip(
                dilation, taps, operator.padding, strict=True
            )
        ),
    )
