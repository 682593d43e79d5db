import collections
import functools

import numpy as np

from keras_lipschitz.bounds.local_lipschitz import LocalLipschitz
from keras_lipschitz.certification.decisions.decider import Decider
from keras_lipschitz.certification.local.decider import LocalDecider
from keras_lipschitz.certification.local.estimate import estimated_local_radii

# What is proved, from least to most that is certified.
LOCAL_KINDS = ("global", "deterministic", "probabilistic", "estimate")
# Of the kinds that need no words about chance or norms of their own.
_STATEMENTS = {
    "global": "rigorous, by the constants of the certificate alone",
    "estimate": "no proof: local norms by the power method, from below",
}

LocalDecisions = collections.namedtuple(
    "LocalDecisions", ["label", "statement"]
)
LocalDecisions.__doc__ = """What `local_decisions` returns.

Attributes:
    label: Integer array `(samples,)`, `-1` where nothing is certified.
    statement: What these decisions prove, in words; of the probabilistic kind
        with its probability of failure and the steps that were taken.
"""


def local_decisions(model, x, kind, epsilon=None, batch_size=None, **kwargs):
    """Which predictions a model with a local bound certifies, and how.

    What one of `LOCAL_KINDS` certifies the next one does too, up to the
    convergence of the estimate.

    Args:
        model: A `GloroModel` with a `LocalLipschitz` bound.
        x: Inputs, as for `predict`.
        kind: `"global"`, `"deterministic"`, `"probabilistic"` or `"estimate"`.
        epsilon: Float, the radius. Defaults to the model's.
        batch_size: As for `predict`.
        **kwargs: Further arguments of `LocalDecider`, such as `failure`, the
            probability that any probabilistic decision of the call is wrong.

    Returns:
        `LocalDecisions(label, statement)`.
    """
    if not isinstance(model.bound, LocalLipschitz):
        raise ValueError(
            "Expected a GloroModel with a LocalLipschitz bound. Received: "
            f"{type(model.bound).__name__}"
        )
    if kind not in LOCAL_KINDS:
        raise ValueError(
            f"`kind` should be one of {LOCAL_KINDS}. Received: kind={kind!r}"
        )
    epsilon = model.epsilon if epsilon is None else epsilon
    decide = _decider(model, kind, epsilon, kwargs)
    labels, radii = decide(x, batch_size)
    statement = _STATEMENTS.get(kind) or decide.statement
    return LocalDecisions(np.where(radii > epsilon, labels, -1), statement)


def _decider(model, kind, epsilon, kwargs):
    # Certifies where that has not been done for these weights.
    model.lipschitz_constants()
    if kind != "estimate" and model.certificate.level == "estimate":
        model.certify()
    certificate, bound = model.certificate, model.bound
    if kind == "global":
        return Decider(certificate, model.base, bound.composition)
    if kind == "estimate":
        return functools.partial(
            estimated_local_radii, certificate, bound, epsilon
        )
    return LocalDecider(certificate, bound, epsilon, kind, **kwargs)
