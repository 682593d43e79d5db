"""A network with all that is needed to evaluate it with proven accuracy."""

from keras_lipschitz.certification.evaluations.evaluation import (
    registered_evaluation,
)
from keras_lipschitz.certification.evaluations.linear import linear_evaluation
from keras_lipschitz.certification.evaluations.reshaping import PASSED_ON
from keras_lipschitz.certification.rounding import UpperBound
from keras_lipschitz.propagation.composition import is_linear
from keras_lipschitz.propagation.composition import key_of
from keras_lipschitz.propagation.rules.regularization import INACTIVE


class EvaluatedNetwork:
    """A network with the norms of its layers and how each of them rounds.

    Args:
        composition: The `Composition` of the network.
        norms: Dict from its keys to upper bounds of the norms.

    Attributes:
        constants: Dict from tensor index to the Lipschitz constant of the
            network up to there.
        evaluations: Dict from step to `Evaluation`.
    """

    def __init__(self, composition, norms):
        self.composition = composition
        self.norms = {key: float(norm) for key, norm in norms.items()}
        uppers = {key: UpperBound(norm) for key, norm in norms.items()}
        constants = composition.constants(uppers, one=UpperBound(1.0))
        self.constants = {i: float(c) for i, c in constants.items()}
        self.evaluations = evaluations_of(composition)

    @property
    def head(self):
        return self.composition.head

    @property
    def last(self):
        """The index of the tensor that the head reads, or of the output."""
        if self.head is None:
            return self.composition.graph.output
        return self.head.inputs[0]

    def carried(self, step, inputs):
        """How far the output moves when the inputs move so far."""
        return self.composition.transfer(step, inputs, self.norms)

    def gained(self, step, inputs):
        """How much the sums of absolute terms grow with the inputs."""
        evaluation = self.evaluations[step]
        if evaluation.gain is None:
            return self.carried(step, inputs)
        gain = evaluation.gain
        if self.composition.norm == "inf":
            # Sums of absolute values are what the norm is made of.
            gain = self.norms.get(key_of(step), gain)
        return inputs[0] * (gain * evaluation.slope)


def evaluations_of(composition):
    """Dict from every step of a network to its `Evaluation`.

    Raises:
        ValueError: Where a layer has none; names them all.
    """
    linear_maps = dict(composition.linear_maps)
    if composition.head is not None:
        linear_maps[key_of(composition.head)] = composition.head_map
    found = {
        step: _evaluation_of(step, linear_maps.get(key_of(step)))
        for step in composition.graph.steps
    }
    missing = [step for step, evaluation in found.items() if evaluation is None]
    if missing:
        names = ", ".join(
            f"{step.name!r} ({type(step.layer).__name__})" for step in missing
        )
        raise ValueError(
            f"It is not known how these layers round: {names}. A decision that "
            "leaves rounding out is not proved, so it is refused. Say how with "
            "`keras_lipschitz.certification.register_evaluation`, or decide "
            'without proof after `certify(level="estimate")`.'
        )
    return found


def _evaluation_of(step, linear_map):
    registered = registered_evaluation(step.layer)
    if registered is not None:
        return registered(step.layer, step)
    if linear_map is not None and is_linear(step):
        return linear_evaluation(step.layer, linear_map)
    if type(step.layer) in INACTIVE:
        return PASSED_ON
    return None
