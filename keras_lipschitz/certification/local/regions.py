"""The walk of a ball and a box on the host, with rounding counted."""

import dataclasses

import numpy as np
from keras import ops

from keras_lipschitz.certification.decisions.deviation import Tracked
from keras_lipschitz.certification.local.linear import HostLinear
from keras_lipschitz.propagation.composition import key_of
from keras_lipschitz.propagation.local.boxes import is_increasing_layer
from keras_lipschitz.propagation.local.regions import reads_entries

# Every bound is widened for the few operations that made it.
_UP = 1.0 + 2.0**-40


@dataclasses.dataclass(frozen=True, eq=False)
class HostRegion:
    """What a tensor can be, exactly, while the input moves in a ball.

    Args:
        tracked: The `Tracked` value for the input itself.
        lower: Float64 array `(batch, ...)`.
        upper: Float64 array of that shape.
    """

    tracked: Tracked
    lower: np.ndarray
    upper: np.ndarray

    @property
    def center(self):
        return self.tracked.value

    @property
    def varying(self):
        """Of `Region`: a tensor, for masks are no matter of rounding."""
        varying = (self.upper > self.lower).astype("float32")
        return ops.convert_to_tensor(varying)


class HostBallAndBox:
    """`BallAndBox` with bounds that hold for exact arithmetic.

    Args:
        network: An `EvaluatedNetwork`.
        deviation: The `Deviation` of the network.
        epsilon: Float, the radius of the ball of inputs.
        intervals: Whether to use interval arithmetic beside the ball.
    """

    def __init__(self, network, deviation, epsilon, intervals=True):
        self.network = network
        self.deviation = deviation
        self.epsilon = epsilon
        self.intervals = intervals
        maps = network.composition.linear_maps
        self.linear = {
            key_of(step): HostLinear(step.layer, maps[key_of(step)])
            for step in network.composition.body
            if reads_entries(step, maps.get(key_of(step)))
        }

    def __call__(self, x):
        """Dict from tensor index to `HostRegion`, for a batch of inputs."""
        graph = self.network.composition.graph
        reach = self.epsilon * _UP
        start = HostRegion(self.deviation.start(x), x - reach, x + reach)
        # The ends were rounded.
        start = _widened(start, np.abs(x) + reach)
        return graph.walk(self._transfer, start, skip=self.network.head)

    def _transfer(self, step, inputs):
        tracked = self.deviation.step(step, [x.tracked for x in inputs])
        linear = self.linear.get(key_of(step))
        box = None
        if linear is not None:
            box = self._linear(step, linear, *inputs)
        elif self._selects(step):
            compute = self.network.evaluations[step].compute
            box = (
                compute(*(x.lower for x in inputs)),
                compute(*(x.upper for x in inputs)),
            )
        if box is None:
            reach = self._reach(step.outputs[0]) + tracked.host[:, 0]
            reach = _column(reach, tracked.value)
            region = HostRegion(
                tracked, tracked.value - reach, tracked.value + reach
            )
            return _widened(region, np.abs(tracked.value) + reach)
        return HostRegion(tracked, *box)

    def _selects(self, step):
        """Whether a step is increasing and rounds nothing."""
        evaluation = self.network.evaluations[step]
        exact = evaluation.roundings == 0 and evaluation.spread == 0.0
        return exact and is_increasing_layer(step.layer)

    def _linear(self, step, linear, x):
        center = linear.apply(x.center)
        host = _column(x.tracked.host[:, 0], center)
        radius = self._reach(step.inputs[0])
        # Exact inputs are within this of the computed ones.
        ball = (radius + host) * linear.row_norms
        rounding = linear.rounding * (
            linear.absolute(np.abs(x.center)) + np.abs(linear.bias)
        )
        lower = center - (ball + rounding) * _UP
        upper = center + (ball + rounding) * _UP
        if self.intervals and step.inputs[0] != self._first:
            middle = (x.lower + x.upper) / 2
            half = np.maximum(x.upper - middle, middle - x.lower) * _UP
            reach = linear.absolute(
                half + linear.rounding * np.abs(middle)
            ) + linear.rounding * np.abs(linear.bias)
            middle = linear.apply(middle)
            lower = np.maximum(lower, middle - reach * _UP)
            upper = np.minimum(upper, middle + reach * _UP)
        size = np.maximum(np.abs(lower), np.abs(upper)) * 2.0**-50 + 1e-150
        return linear.activate(lower - size, upper + size)

    @property
    def _first(self):
        return self.network.composition.graph.input

    def _reach(self, tensor):
        """How far the exact value of a tensor can move, rounded up."""
        return self.epsilon * self.network.constants[tensor] * _UP


def _widened(region, size):
    """A region with room for a few roundings of numbers of some size."""
    room = size * 2.0**-50
    return HostRegion(region.tracked, region.lower - room, region.upper + room)


def _column(numbers, like):
    """One number for each sample, to be combined with a tensor."""
    return np.reshape(numbers, (-1, *[1] * (like.ndim - 1)))
