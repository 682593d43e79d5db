"""Networks within one box, down to what the box leaves open."""

from keras_lipschitz.certification.relaxation.open_entries import OpenEntries
from keras_lipschitz.certification.relaxation.pointwise import PixelCandidates
from keras_lipschitz.propagation.composition import key_of


class Reduction:
    """Reduces a network to what one box leaves open.

    Coefficients are carried back from what a row stands for, as gradients are,
    through all that is affine in the box. At each layer `y = W x + b` they are
    multiplied by the weights, `a (W x + b) = (a W) x + a b`, and what any
    arithmetic may be away from that is added up:

        |a| (rounding of the layer + gamma (|W| |x| + |b|)).

    Args:
        network: An `EvaluatedNetwork`.
    """

    def __init__(self, network):
        self.network = network
        self.evaluations = network.evaluations
        self.input = network.composition.graph.input
        self.candidates = PixelCandidates(network)
        self.steps, self.ends = self._way_back()
        self.layers = self._layers()
        self.matrices = {}
        for step in self.steps:
            if key_of(step) not in self.matrices:
                affine = self.evaluations[step].affine
                self.matrices[key_of(step)] = affine.matrices(step)

    def reduce(self, boxes, rows, constants, errors):
        """The reduced network of one input.

        Args:
            boxes: Dict from tensor index to the `TrackedBox` of that input.
            rows: Array `(margins, entries)`: the coefficients of the margins
                in question, of the last tensor of the body.
            constants: Array `(margins,)`, to add to them.
            errors: Array `(margins,)`: how far they may be off.

        Returns:
            A `ReducedNetwork`.
        """
        return OpenEntries(self, boxes).network(rows, constants, errors)

    def _way_back(self):
        """The steps that rows go through, and the tensors where they end."""
        reached, steps, ends = {self.network.last}, [], []
        for step in reversed(self.network.composition.body):
            if not reached.intersection(step.outputs):
                continue
            affine = self.evaluations[step].affine
            if affine is None or step.outputs[0] in self.candidates.tensors:
                ends += reached.intersection(step.outputs)
            else:
                steps.append(step)
                reached.update(step.inputs)
        ends += reached.intersection([self.input])
        return steps[::-1], ends[::-1]

    def _layers(self):
        """The steps with a ReLU, those together that have as many before."""

        def depth(step, depths):
            return max(depths) + self.evaluations[step].rectifies

        graph = self.network.composition.graph
        depths = graph.walk(depth, 0, skip=self.network.head)
        layers = {}
        for step in self.steps:
            if self.evaluations[step].rectifies:
                layers.setdefault(depths[step.outputs[0]], []).append(step)
        return [layers[depth] for depth in sorted(layers)]
