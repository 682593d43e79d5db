"""A network in the ball around each input of a batch."""

from keras import ops

from keras_lipschitz.bounds.local.norms import local_norms
from keras_lipschitz.bounds.local.sparsity import sparsity
from keras_lipschitz.ops.ball_and_box import ball_and_box_maximum
from keras_lipschitz.ops.margins import rows_of
from keras_lipschitz.propagation.local.regions import BallAndBox
from keras_lipschitz.propagation.local.relevance import relevant_outputs


class LocalNetwork:
    """The regions of a network, its local norms and the slack of its margins.

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

    def reach(self, inputs, epsilon, norms, steps):
        """How far what the head reads can move, `(batch, 1)`; the regions."""
        norms, regions = self.norms(inputs, epsilon, norms, steps)
        reach = epsilon * self.composition.body_constant(norms)
        center = regions[self.composition.last].center
        # Without local norms there is one number for all samples.
        reach = reach + ops.zeros((ops.shape(center)[0],))
        return reach[:, None], regions

    def slack(self, table, anchor, reach, regions):
        """The slack of every class against the anchor.

        Args:
            table: Tensor `(classes, classes)`, how fast margins move with what
                the head reads.
            anchor: Integer tensor `(batch,)`.
            reach: Tensor `(batch, 1)`, how far that moves.
            regions: Dict from tensor index to `Region`.

        Returns:
            Tensor `(batch, classes)`.
        """
        if self.options.worst_case == "ball" or self.composition.head is None:
            return reach * rows_of(table, anchor)
        rows = ops.transpose(self.composition.head_map.kernel)
        region = regions[self.composition.last]
        return ball_and_box_maximum(
            rows[None] - rows_of(rows, anchor)[:, None],
            region.lower - region.center,
            region.upper - region.center,
            reach[:, 0],
            self.options.rounds,
        )

    def sparsity(self, regions):
        """How far units are from not varying, weighed by the option."""
        return self.options.sparsity * sparsity(self.composition, regions)
