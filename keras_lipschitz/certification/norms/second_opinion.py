"""Spectral norms once more, by another method than the first."""

import math

import numpy as np

from keras_lipschitz.certification.norms.families import MatrixFamily
from keras_lipschitz.certification.norms.lanczos import top_singular_vector
from keras_lipschitz.certification.norms.operators import BlockOperator
from keras_lipschitz.certification.norms.operators import (
    CircularConvolutionOperator,
)
from keras_lipschitz.certification.norms.operators import ConvolutionOperator
from keras_lipschitz.certification.norms.operators import DiagonalOperator
from keras_lipschitz.certification.norms.planning import torus_family
from keras_lipschitz.certification.norms.proof import prove_by_squaring
from keras_lipschitz.certification.norms.spectral_norm import Norm
from keras_lipschitz.certification.norms.spectral_norm import spectral_norm

# The explicit matrix of a convolution is squared as it is up to here.
_LARGEST_SIDE = 1600
_LARGEST_MATRIX = 2**24


def second_opinion(operator):
    """Bounds of the spectral norm without Cholesky factors.

    Matrices are bounded by Gram iteration; convolutions as explicit matrices,
    or on a torus along all axes where these are too large.

    Args:
        operator: An `Operator` of finite entries.

    Returns:
        A `Norm`.
    """
    if not np.any(operator.entries) or isinstance(operator, DiagonalOperator):
        return spectral_norm(operator)
    exponent = int(np.frexp(np.abs(operator.entries).max())[1])
    ordinary = operator.scaled(-exponent)
    lower = spectral_norm(ordinary, rigorous=False).lower
    upper, method = _by_squaring(ordinary)
    # One step up: scaling may round where the result is subnormal.
    upper = math.nextafter(math.ldexp(upper, exponent), math.inf)
    return Norm(math.ldexp(lower, exponent), upper, method)


def _by_squaring(operator):
    if isinstance(operator, BlockOperator):
        family, method = MatrixFamily(operator.blocks), "gram iteration"
    elif isinstance(operator, CircularConvolutionOperator):
        family, method = operator.torus(), "gram iteration, torus"
    elif _is_large(operator):
        operator = operator.trimmed()
        family = torus_family(operator, top_singular_vector(operator))
        sizes = (str(circle.size) for circle in family.circles.values())
        method = f"gram iteration, torus {' x '.join(sizes)}"
    else:
        family = MatrixFamily(operator.dense()[None])
        method = "gram iteration, explicit matrix"
    return float(prove_by_squaring(family)), method


def _is_large(operator):
    rows, columns = operator.shape
    return isinstance(operator, ConvolutionOperator) and (
        min(rows, columns) > _LARGEST_SIDE or rows * columns > _LARGEST_MATRIX
    )
