"""From the composition of a network to its certificate."""

import numpy as np

from keras_lipschitz.certification.certificate import Certificate
from keras_lipschitz.certification.certificate import LayerNorm
from keras_lipschitz.certification.certificate import LayerNorms
from keras_lipschitz.certification.evaluations.network import evaluations_of
from keras_lipschitz.certification.levels import check_level
from keras_lipschitz.certification.levels import is_deployed
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.certification.norms.row_sums import row_sum_norm
from keras_lipschitz.certification.norms.spectral_norm import spectral_norm
from keras_lipschitz.certification.residual_blocks import with_residual_blocks
from keras_lipschitz.certification.rounding import UpperBound
from keras_lipschitz.certification.rounding import pairwise_distance_bounds
from keras_lipschitz.certification.rounding import row_norm_bounds


def certify(bound, weights, level="R"):
    """Computes the margin constants of a network in float64.

    Args:
        bound: An attached `GlobalLipschitz`.
        weights: Fingerprint of the weights, kept in the certificate.
        level: `"R"`, `"F64"` or `"F32"`: proven upper bounds, for decisions
            of the network in exact, float64 or float32 arithmetic.
            `"estimate"`: norms from below, to the tolerance of Lanczos.

    Returns:
        A `Certificate`.

    Raises:
        ValueError: Where the arithmetic of the level cannot be bounded.
    """
    vectors = bound.vectors()
    composition = with_residual_blocks(bound.composition)
    if is_deployed(level):
        check_level(level, evaluations_of(composition))
    rigorous = level != "estimate"
    norms = {
        key: _norm(linear_map, bound.norm, vectors.get(key), rigorous)
        for key, linear_map in composition.linear_maps.items()
    }
    if not rigorous:
        # An estimate is made while training, which goes on from what it found.
        bound.set_vectors(
            {key: norms[key].image for key in vectors if key in norms}
        )
    uppers = {key: norm.upper for key, norm in norms.items()}
    body, table = margin_table(composition, uppers, bound.pairwise)
    return Certificate(
        level=level,
        layers=LayerNorms(
            LayerNorm(
                name=composition.names[key],
                kind=type(composition.layers[key]).__name__,
                method=norm.method,
                lower=float(norm.lower),
                upper=float(norm.upper),
            )
            for key, norm in norms.items()
        ),
        body_constant=body,
        margin_constants=table,
        weights=weights,
        bound=type(bound).__name__,
        input_shape=composition.graph.input_shape[1:],
        norm=bound.norm,
    )


def margin_table(composition, norms, pairwise=True):
    """What norms imply for the body and for the margins, rounded up.

    Args:
        composition: The `Composition` of a network.
        norms: Dict from its keys to norms.
        pairwise: Whether to bound margins, or logits one by one.

    Returns:
        A float and a float64 array `(classes, classes)`.
    """
    uppers = {key: UpperBound(norm) for key, norm in norms.items()}
    body = composition.body_constant(uppers, one=UpperBound(1.0))
    table = _scaled(body, head_table(composition, pairwise))
    return float(body), table


def _norm(linear_map, norm, vector, rigorous):
    operator = operator_of(linear_map)
    if norm == "inf":
        return row_sum_norm(operator)
    # The power method's last vector is a good place to begin the search.
    start = None if vector is None else operator.rmatvec(vector)
    return spectral_norm(operator, start=start, rigorous=rigorous)


def head_table(composition, pairwise=True):
    """How fast margins move with what the head reads, rounded up."""
    order = 2 if composition.norm == 2 else 1
    if composition.head is None:
        # |(e_i - e_j) f| <= sqrt(2) ||f||_2 or 2 ||f||_inf, and
        # |f_i| + |f_j| <= 2 ||f|| in either norm.
        root_two = UpperBound(2.0) ** 0.5
        tight = pairwise and order == 2
        return np.full((composition.classes,) * 2, root_two if tight else 2.0)
    rows = operator_of(composition.head_map).matrix
    if pairwise:
        return pairwise_distance_bounds(rows, order)
    norms = row_norm_bounds(rows, order)
    return np.nextafter(norms[:, None] + norms[None, :], np.inf)


def _scaled(constant, table):
    """`constant * table`, rounded up; zero stays zero."""
    return np.where(table > 0, np.nextafter(constant * table, np.inf), 0.0)
