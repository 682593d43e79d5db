"""Spectral norms by repeated squaring, from above."""

import numpy as np

from keras_lipschitz.certification.norms.stacks import product_error
from keras_lipschitz.certification.norms.stacks import squared_norms
from keras_lipschitz.certification.rounding import gamma


def gram_bounds(matrices, iterations=12):
    """Upper bounds of spectral norms by Gram iteration.

    With `X_0 = A` and `c_i X_{i+1} = X_i^* X_i` the norms obey

        ||X_i|| = sqrt(c_i ||X_{i+1}||),    ||X_t|| <= ||X_t||_F,

    and a bound follows from the last to the first. The computed product errs
    by at most `gamma ||X_i||_F^2`, which is added below the root.

    Args:
        matrices: Array `(matrices, m, n)`, real or complex, of entries of
            ordinary size.
        iterations: Integer. The result exceeds the norm by no more than a
            factor `rank ** 2 ** -(iterations + 1)`, up to rounding.

    Returns:
        Array `(matrices,)`.

    Reference:
        - [Delattre et al., Efficient Bound of Lipschitz Constant for
          Convolutional Layers by Gram Iteration, ICML 2023](
          https://arxiv.org/abs/2305.16173)
        - [Tobler et al., A Formally Verified Robustness Certifier for Neural
          Networks, CAV 2025](https://arxiv.org/abs/2505.06958)
    """
    x = matrices
    if x.shape[-2] < x.shape[-1]:
        x = x.conj().swapaxes(-1, -2)
    sums = 1 + gamma(2 * x[0].size + 16)
    steps = []
    for _ in range(iterations):
        error = product_error(x.shape[-2] + 2, x) * squared_norms(x) * sums
        product = x.conj().swapaxes(-1, -2) @ x
        _, exponents = np.frexp(np.sqrt(squared_norms(product)))
        steps.append((np.ldexp(1.0, exponents), error))
        x = product * np.ldexp(1.0, -exponents)[:, None, None]
    bounds = np.sqrt(squared_norms(x)) * sums
    for scale, error in reversed(steps):
        bounds = np.sqrt((scale * bounds + error) * sums) * sums
    return np.where(np.isfinite(bounds), bounds, np.inf)
