"""What a certificate can speak of, and what has to hold for it."""

from keras_lipschitz.certification.deployment import float32_problems
from keras_lipschitz.certification.formats import DOUBLE
from keras_lipschitz.certification.formats import SINGLE

# The arithmetic of the network that is deployed; that of "R" is exact.
FORMATS = {"R": None, "F64": DOUBLE, "F32": SINGLE, "estimate": None}
LEVELS = tuple(FORMATS)

SPEAKS_OF = {
    "R": "the network with exactly these weights in exact arithmetic",
    "F64": (
        "every evaluation of the network in IEEE binary64, in any order, with "
        "or without fused operations and flushed subnormals"
    ),
    "F32": (
        "every evaluation of the network in IEEE binary32 on a CPU, in any "
        "order, with or without fused operations and flushed subnormals; not "
        "TF32, bfloat16, Winograd or other fast transforms, GPUs, quantised or "
        "rewritten exports"
    ),
    "estimate": "nothing: its norms are approached from below",
}


def is_deployed(level):
    """Whether a level speaks of the arithmetic of the deployed network."""
    if level not in FORMATS:
        raise ValueError(
            f"`level` should be one of {LEVELS}. Received: level={level!r}"
        )
    return FORMATS[level] is not None


def check_level(level, evaluations):
    """Refuses a level of deployed arithmetic where it cannot be bounded.

    Args:
        level: One of `LEVELS`.
        evaluations: Dict from every step of the network to its `Evaluation`.

    Raises:
        ValueError: With all the reasons.
    """
    if not is_deployed(level):
        return
    problems = [
        f"layer {step.name!r} ({type(step.layer).__name__}): "
        f"{evaluation.refusal}"
        for step, evaluation in evaluations.items()
        if evaluation.refusal is not None
    ]
    if level == "F32":
        problems += float32_problems(evaluations)
    if problems:
        reasons = "\n".join(f"  - {problem}" for problem in problems)
        raise ValueError(
            f"No decision at level {level!r} can be proved:\n{reasons}\n"
            'Level "R" speaks of the network in exact arithmetic and has none '
            "of these conditions."
        )
