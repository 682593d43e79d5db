"""One probability of failure, shared by the norms around many inputs."""

from keras_lipschitz.certification.local.probable_norms import ProbableNorms


class SharedChance:
    """Bounds norms that hold together but for one probability, and counts.

    Prints as what is claimed, with the steps that were taken.

    Args:
        operators: Dict from keys to `Operator`.
        failure: Float, the probability that any of the bounds is too small.
        samples: Integer, how many inputs share it.
        uses: Integer, how many norms an input has at most.
        accuracy: Float, as for `ProbableNorms`.
        random: A `numpy.random.Generator`.
    """

    def __init__(self, operators, failure, samples, uses, accuracy, random):
        self.failure = failure
        self.samples = samples
        self.each = failure / max(samples * uses, 1)
        self.random = random
        self.norms = {
            key: ProbableNorms(operator, self.each, accuracy=accuracy)
            for key, operator in operators.items()
        }

    def bound(self, key, masks, estimate, target):
        """An upper bound of the norms of one operator.

        Args:
            key: That of the operator.
            masks: Pairs of masks, of its columns and rows; the largest norm
                counts.
            estimate: Float, about that norm.
            target: Float, a bound that is good enough.

        Returns:
            A float.
        """
        norm = self.norms[key]
        return max(norm(*m, estimate, target, self.random) for m in masks)

    def __str__(self):
        claim = (
            f"rigorous with probability 1 - {self.failure:.0e} for all "
            f"{self.samples} samples together: "
        )
        steps = [k for norm in self.norms.values() for k in norm.steps]
        if not steps:
            return claim + "no norm was left to chance"
        (starts,) = {norm.starts for norm in self.norms.values()}
        return claim + (
            f"{len(steps) // starts} norms from {starts} random starts each, "
            f"too small with probability {self.each:.1e}; {min(steps)} to "
            f"{max(steps)} steps, {sum(steps) / len(steps):.1f} on average"
        )
