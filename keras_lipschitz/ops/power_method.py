"""The power method on a `LinearMap`."""

from keras import ops

# Squared length under which a vector counts as zero. It is also the floor of
# the estimated norms (1e-15), so an all-zero kernel has finite gradients.
TINY = 1e-30


def squared_length(x):
    return ops.sum(ops.square(x))


def unit(x):
    """`x / ||x||`, and zero where `x` is zero."""
    return x * ops.rsqrt(ops.maximum(squared_length(x), TINY))


def power_method(linear_map, kernel, u, steps=1):
    """Estimates the spectral norm of a linear map from a warm start.

    Each step takes `v = A^T u / ||A^T u||` and `u = A v`. The result `||u||`
    approaches the norm **from below**: it is an estimate for
    training, never a certificate. Its gradient is that of `||A v||` with `v`
    held constant, which at convergence is the gradient of the norm, `u v^T`.

    Args:
        linear_map: The `LinearMap` `A`.
        kernel: The kernel of `A`; the estimate is differentiable in it.
        u: Left vector to start from, of shape `(1, *output_shape)`.
        steps: How many steps to take, at least one.

    Returns:
        `(norm, u)`: the estimate and the new left vector, without gradient.
    """
    frozen = ops.stop_gradient(kernel)
    start = u = ops.stop_gradient(u)
    for step in range(steps):
        v = ops.stop_gradient(unit(linear_map.apply_adjoint(u, frozen)))
        last = step == steps - 1
        u = linear_map.apply(v, kernel if last else frozen)
    squared = squared_length(u)
    norm = ops.sqrt(ops.maximum(squared, TINY))
    # A vanished iterate would never come back: keep the old one.
    u = ops.where(squared > TINY, ops.stop_gradient(u), start)
    return norm, u
