"""What the proofs ask of the processor."""

import numpy as np

_PROBLEM = (
    "Expected IEEE 754 binary64 arithmetic. Received: a process that {}. "
    "Compute the bounds in a fresh process; libraries that were compiled with "
    "fast math change the mode of the whole process when they are loaded."
)


def check_arithmetic():
    """Refuses a process whose floating point is not what the proofs assume.

    Raises:
        RuntimeError: Subnormal numbers are flushed to zero, or results are
            not rounded to nearest.
    """
    smallest = np.full(64, np.finfo("float64").tiny)
    if not (smallest * 0.25).all() or not (smallest * 0.25 * 4).all():
        raise RuntimeError(
            _PROBLEM.format("flushes subnormal numbers to zero (FTZ or DAZ)")
        )
    single = np.full(64, np.finfo("float32").smallest_subnormal)
    if not single.astype("float64").all():
        raise RuntimeError(
            _PROBLEM.format("reads subnormal float32 numbers as zero (DAZ)")
        )
    one, half = np.ones(64), np.full(64, 2.0**-53)
    nearest = (
        (one + half == 1)
        & (one + 1.5 * half == 1 + 2.0**-52)
        & (-one - half == -1)
        & (-one - 1.5 * half == -1 - 2.0**-52)
    )
    if not nearest.all():
        raise RuntimeError(_PROBLEM.format("does not round to nearest"))
