"""Checks a certificate against a model, by other means than it was made."""

import dataclasses

import numpy as np

from keras_lipschitz.certification.certify import margin_table
from keras_lipschitz.certification.decisions.decider import Decider
from keras_lipschitz.certification.fingerprint import fingerprint_of
from keras_lipschitz.certification.levels import SPEAKS_OF
from keras_lipschitz.certification.norms.operators import operator_of
from keras_lipschitz.certification.norms.row_sums import row_sum_second_opinion
from keras_lipschitz.certification.norms.second_opinion import second_opinion
from keras_lipschitz.certification.residual_blocks import with_residual_blocks
from keras_lipschitz.propagation.composition import Composition
from keras_lipschitz.propagation.norms import norm_name

# How far the second method may be above the first: it is less tight on tori.
_LOOSENESS = 1.05
# Certificates from other machines may be summed up in another order.
_ROUNDING = 1.0 + 1e-12


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found of one layer.

    Args:
        name: Where the layer stands in the model.
        lower: What the norm attains, found again.
        claimed: What the certificate says.
        upper: The bound by the second method.
        method: The second method.
    """

    name: str
    lower: float
    claimed: float
    upper: float
    method: str

    @property
    def problem(self):
        """What is wrong with the claim, or `None`. A NaN is wrong."""
        if not self.lower <= self.claimed * _ROUNDING:
            return (
                f"layer {self.name!r} attains {self.lower:.9g}, and the "
                f"certificate says that its norm is at most {self.claimed:.9g}"
            )
        if not self.upper <= self.claimed * _LOOSENESS:
            return (
                f"layer {self.name!r}: the second method proves only "
                f"{self.upper:.9g}, the certificate says {self.claimed:.9g}"
            )
        return None


class PlainBound:
    """Stands in for the bound of a classifier that no `GloroModel` wraps.

    Args:
        base: The classifier.
        norm: The norm of the certificate.
    """

    pairwise = True

    def __init__(self, base, norm):
        self.base = base
        self.composition = Composition(base, norm)

    def decider(self, certificate, epsilon):
        return Decider(certificate, self.base, self.composition)


def bound_of(model, norm):
    """The bound that answers for a model, wrapped or plain."""
    bound = getattr(model, "bound", None)
    return PlainBound(model, norm) if bound is None else bound


def check(model, certificate):
    """Checks that a certificate holds for a model.

    Args:
        model: A `GloroModel`, or the classifier that it wraps.
        certificate: A `Certificate`.

    Returns:
        A pair: a list of `Finding`, one for each layer, and a list of strings,
        what does not hold.
    """
    bound = bound_of(model, certificate.norm)
    composition = bound.composition
    problems = list(_identity_problems(composition, certificate))
    if problems:
        return [], problems
    composition = with_residual_blocks(composition)
    maps = composition.linear_maps
    if len(maps) != len(certificate.layers):
        return [], [
            f"the certificate lists {len(certificate.layers)} layers, and the "
            f"model has {len(maps)}"
        ]
    findings = []
    opinion = (
        second_opinion if composition.norm == 2 else row_sum_second_opinion
    )
    for linear_map, claim in zip(
        maps.values(), certificate.layers, strict=True
    ):
        norm = opinion(operator_of(linear_map))
        findings.append(
            Finding(
                claim.name, norm.lower, claim.upper, norm.upper, norm.method
            )
        )
    problems = [f.problem for f in findings if f.problem]
    if not problems:
        problems = list(
            _table_problems(composition, bound.pairwise, certificate)
        )
    return findings, problems


def _identity_problems(composition, certificate):
    if not certificate.rigorous:
        yield f"level {certificate.level!r} proves nothing"
    elif certificate.level not in SPEAKS_OF:
        yield f"level {certificate.level!r} is not known"
    if certificate.norm != composition.norm:
        yield (
            f"the certificate is in the {norm_name(certificate.norm)} norm, "
            f"the model's bound in the {norm_name(composition.norm)} norm"
        )
    base = composition.graph.model
    weights = fingerprint_of(base, composition.graph)
    if weights != certificate.weights:
        yield (
            "the certificate is of another network: its weights and layers "
            f"are {certificate.weights[:12]}..., the model's {weights[:12]}..."
        )
    shape = tuple(base.input_shape[1:])
    if tuple(certificate.input_shape) != shape:
        yield (
            f"the certificate is for inputs {certificate.input_shape}, the "
            f"model reads {shape}"
        )


def _table_problems(composition, pairwise, certificate):
    """What the norms imply has to be what the certificate says of margins."""
    uppers = [layer.upper for layer in certificate.layers]
    norms = dict(zip(composition.linear_maps, uppers, strict=True))
    body, table = margin_table(composition, norms, pairwise)
    claimed = np.asarray(certificate.margin_constants)
    if claimed.shape != table.shape:
        yield (
            f"the certificate has a table of shape {claimed.shape}, the model "
            f"{table.shape[0]} classes"
        )
        return
    if not body <= certificate.body_constant * _ROUNDING:
        yield (
            f"the body constant is {body:.9g}, and the certificate says "
            f"{certificate.body_constant:.9g}"
        )
    pairs = ~np.eye(len(table), dtype=bool)
    wrong = pairs & ~(table <= claimed * _ROUNDING)
    for i, j in np.argwhere(wrong)[:3]:
        yield (
            f"the margin of classes {i} and {j} moves at {table[i, j]:.9g}, "
            f"and the certificate says {claimed[i, j]:.9g}"
        )
