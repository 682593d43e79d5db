import functools

import numpy as np

from keras_lipschitz.bounds.local_lipschitz import LocalLipschitz
from keras_lipschitz.certification.decisions.decider import Decider
from keras_lipschitz.certification.local.decider import LocalDecider
from keras_lipschitz.certification.local.estimate import estimated_local_radii

FAILURE = 1e-9
# What each kind proves.
LOCAL_KINDS = {
    "global": "rigorous, by the constants of the certificate alone",
    "deterministic": "rigorous, by upper bounds of local norms",
    "probabilistic": (
        f"rigorous but for a probability, by default of {FAILURE:.0e} for all "
        "samples together, by random starts"
    ),
    "estimate": "no proof: local norms by the power method, from below",
}


def local_decisions(
    model, x, kind, epsilon=None, batch_size=None, failure=FAILURE, **kwargs
):
    """Which predictions a model with a local bound certifies, and how.

    `LOCAL_KINDS` says what each kind proves. What one kind certifies the next
    one does too, up to the convergence of the estimate.

    Args:
        model: A `GloroModel` with a `LocalLipschitz` bound.
        x: Inputs, as for `predict`.
        kind: `"global"`, `"deterministic"`, `"probabilistic"` or `"estimate"`.
        epsilon: Float, the radius. Defaults to the model's.
        batch_size: As for `predict`.
        failure: Float, the probability that any probabilistic decision of the
            call is wrong. Defaults to `1e-9`.
        **kwargs: Further arguments of `LocalDecider`.

    Returns:
        Integer array `(samples,)`, `-1` where nothing is certified.
    """
    if not isinstance(model.bound, LocalLipschitz):
        raise ValueError(
            "Expected a GloroModel with a LocalLipschitz bound. Received: "
            f"{type(model.bound).__name__}"
        )
    if kind not in LOCAL_KINDS:
        raise ValueError(
            f"`kind` should be one of {tuple(LOCAL_KINDS)}. Received: "
            f"kind={kind!r}"
        )
    epsilon = model.epsilon if epsilon is None else epsilon
    decide = _decider(model, kind, epsilon, failure, kwargs)
    labels, radii = decide(x, batch_size)
    return np.where(radii > epsilon, labels, -1)


def _decider(model, kind, epsilon, failure, kwargs):
    # Certifies where that has not been done for these weights.
    model.lipschitz_constants()
    certificate, bound = model.certificate, model.bound
    if kind == "global":
        return Decider(certificate, model.base, bound.composition)
    if kind == "estimate":
        return functools.partial(
            estimated_local_radii, certificate, bound, epsilon
        )
    return LocalDecider(
        certificate, bound, epsilon, kind, failure=failure, **kwargs
    )
