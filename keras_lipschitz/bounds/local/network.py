"""A network in the ball around each input of a batch."""

import dataclasses

from keras import ops

from keras_lipschitz.bounds.local.norms import local_norms
from keras_lipschitz.bounds.local.reach import Reach
from keras_lipschitz.bounds.local.sparsity import sparsity
from keras_lipschitz.propagation.local.regions import BallAndBox
from keras_lipschitz.propagation.local.relevance import relevant_outputs


class LocalNetwork:
    """The regions of a network, its local norms and how far margins can move.

    Args:
        composition: The `Composition` of the network.
        options: `LocalOptions`.
        starts: Function without arguments that returns the dict from keys to
            the vectors with which power methods begin.
    """

    def __init__(self, composition, options, starts):
        self.composition = composition
        self.options = options
        self.starts = starts

    def walk(self, inputs, epsilon, norms):
        """The regions of all tensors and the entries that matter.

        Args:
            inputs: Tensor `(batch, ...)`.
            epsilon: Scalar, the radius of the ball.
            norms: Dict from keys to global norms.

        Returns:
            Two dicts from tensor index: to `Region`, and to masks.
        """
        frozen = {
            key: ops.stop_gradient(ops.convert_to_tensor(norm))
            for key, norm in norms.items()
        }
        regions = BallAndBox(
            self.composition,
            self.composition.constants(frozen),
            epsilon,
            self.options.intervals,
            self.options.valid_range,
            self.options.box_gradient,
        )(inputs)
        return regions, relevant_outputs(self.composition, regions)

    def norms(self, inputs, epsilon, norms, steps):
        """The smaller of local and global norms, and the regions.

        Args:
            inputs: Tensor `(batch, ...)`.
            epsilon: Scalar.
            norms: Dict from keys to global norms.
            steps: Integer, power iterations for each sample.

        Returns:
            Two dicts: from keys to tensors `(batch,)`, or scalars where only
            the global norm is known; from tensor index to `Region`.
        """
        regions, relevant = self.walk(inputs, epsilon, norms)
        local = local_norms(
            self.composition, regions, relevant, self.starts(), steps
        )
        smaller = {
            key: ops.minimum(norm, local[key]) if key in local else norm
            for key, norm in norms.items()
        }
        return smaller, regions

    def reach(self, inputs, epsilon, norms, steps, rates, logit_rates):
        """How far margins can move, whatever their anchor; the regions.

        Args:
            inputs: Tensor `(batch, ...)`.
            epsilon: Scalar.
            norms: Dict from keys to global norms.
            steps: Integer, power iterations for each sample.
            rates: Tensor `(classes, classes)`, how fast margins move with what
                the head reads.
            logit_rates: Tensor `(classes,)`, how fast each logit does.

        Returns:
            A `Reach`, and the dict from tensor index to `Region`.
        """
        norms, regions = self.norms(inputs, epsilon, norms, steps)
        distance = epsilon * self.composition.body_constant(norms)
        region = regions[self.composition.last]
        # Without local norms there is one number for all samples.
        distance = distance + ops.zeros((ops.shape(region.center)[0],))
        reach = Reach(distance[:, None], rates, logit_rates)
        if self.options.worst_case == "ball" or self.composition.head is None:
            return reach, regions
        boxed = dataclasses.replace(
            reach,
            rows=ops.transpose(self.composition.head_map.kernel),
            below=region.lower - region.center,
            above=region.upper - region.center,
            rounds=self.options.rounds,
        )
        return boxed, regions

    def sparsity(self, regions):
        """How far units are from not varying, weighed by the option."""
        return self.options.sparsity * sparsity(self.composition, regions)
