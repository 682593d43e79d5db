"""The walk of a ball and a box through a network, for every sample."""

import dataclasses

import keras
from keras import ops

from keras_lipschitz.ops.linear_maps import ConvolutionMap
from keras_lipschitz.ops.linear_maps import DenseMap
from keras_lipschitz.ops.linear_maps import DepthwiseConvolutionMap
from keras_lipschitz.ops.masked_power_method import row_norms
from keras_lipschitz.propagation.composition import is_linear
from keras_lipschitz.propagation.composition import key_of
from keras_lipschitz.propagation.intervals.box import Box
from keras_lipschitz.propagation.intervals.propagate import input_box
from keras_lipschitz.propagation.intervals.registry import called
from keras_lipschitz.propagation.intervals.registry import interval_rule_of
from keras_lipschitz.propagation.local.boxes import box_behind_activation
from keras_lipschitz.propagation.local.boxes import box_of


@dataclasses.dataclass(frozen=True)
class Region:
    """What a tensor can be while the input moves in a ball.

    It stays in the box, and within `radius` of the centre in the l2 norm.

    Args:
        center: Tensor `(batch, ...)`, the value for the input itself.
        lower: Tensor of that shape, not above the centre.
        upper: Tensor of that shape, not below the centre.
        radius: Scalar tensor.
    """

    center: object
    lower: object
    upper: object
    radius: object

    @property
    def box(self):
        return Box(self.lower, self.upper)

    @property
    def varying(self):
        """One for every entry that can vary at all, zero for the others."""
        return ops.cast(self.upper > self.lower, "float32")


class BallAndBox:
    """Carries a ball and a box of inputs through a network.

    Linear maps carry the box by interval arithmetic and intersect it with what
    the ball allows, `center +- radius ||A_i||`; increasing functions carry the
    ends of the box; of a layer without an interval rule the ball alone is
    known.

    Args:
        composition: The `Composition` of the network.
        constants: Dict from tensor index to the Lipschitz constant of the
            network up to there.
        epsilon: Scalar, the radius of the ball of inputs.
        intervals: Whether to use interval arithmetic beside the ball.
        valid_range: Pair of numbers that inputs lie between, or `None`.
        gradient: Whether gradients flow through the regions.

    Reference:
        - [Lee et al., Lipschitz-Certifiable Training with a Tight Outer Bound,
          NeurIPS 2020](https://papers.nips.cc/paper/2020/hash/
          c46482dd5d39742f0bfd417b492d0e8e-Abstract.html)
    """

    def __init__(
        self,
        composition,
        constants,
        epsilon,
        intervals=True,
        valid_range=None,
        gradient=False,
    ):
        self.composition = composition
        self.constants = constants
        self.epsilon = ops.convert_to_tensor(epsilon, "float32")
        self.intervals = intervals
        self.valid_range = valid_range
        self.gradient = gradient

    def __call__(self, inputs):
        """The region of every tensor below the head.

        Args:
            inputs: Tensor `(batch, ...)`, what the network reads.

        Returns:
            Dict from tensor index to `Region`.
        """
        graph = self.composition.graph
        start = self._start(ops.cast(inputs, "float32"))
        return graph.walk(self._transfer, start, skip=self.composition.head)

    def _start(self, x):
        box = input_box(x, self.epsilon, self.valid_range)
        return Region(x, box.lower, box.upper, self.epsilon)

    def _transfer(self, step, inputs):
        radius = self.epsilon * self.constants[step.outputs[0]]
        linear_map = self.composition.linear_maps.get(key_of(step))
        if reads_entries(step, linear_map):
            (x,) = inputs
            center = preactivation(step, linear_map, x.center)
            below, above = self._reach(step, linear_map, x)
            box = box_behind_activation(step, center, below, above)
            center = step.layer.activation(center)
        else:
            center = value_of(step, [x.center for x in inputs])
            box = box_of(step, [x.box for x in inputs])
            box = box or Box.around(center, radius)
        lower, upper = box.lower, box.upper
        lower = ops.minimum(lower, center)
        upper = ops.maximum(upper, center)
        if not self.gradient:
            center, lower, upper, radius = map(
                ops.stop_gradient, (center, lower, upper, radius)
            )
        return Region(center, lower, upper, radius)

    def _reach(self, step, linear_map, x):
        """How far outputs can fall and rise from the centre."""
        kernel = linear_map.kernel
        in_ball = x.radius * row_norms(linear_map, kernel)
        # Of a cube around the centre the ball knows more.
        is_cube = step.inputs[0] == self.composition.graph.input
        if not self.intervals or (is_cube and self.valid_range is None):
            return in_ball, in_ball
        middle, half = (x.lower + x.upper) / 2, (x.upper - x.lower) / 2
        shift = linear_map.apply(middle - x.center, kernel)
        half = linear_map.apply(half, ops.abs(kernel))
        return (
            ops.minimum(in_ball, half - shift),
            ops.minimum(in_ball, half + shift),
        )


def check_boxes(composition):
    """Refuses a network with a layer that no box can be carried through."""
    for step in composition.body:
        if reads_entries(step, composition.linear_maps.get(key_of(step))):
            continue
        try:
            interval_rule_of(step.layer, step.name)
        except ValueError as error:
            raise ValueError(
                f"{error}\nOr let the ball alone be known of what it answers: "
                "LocalLipschitz(intervals=False)."
            ) from error


def reads_entries(step, linear_map):
    """Whether a step is a linear map of its input as it stands."""
    kinds = (DenseMap, ConvolutionMap, DepthwiseConvolutionMap)
    return (
        type(linear_map) in kinds
        and is_linear(step)
        and not isinstance(step.layer, keras.layers.EinsumDense)
    )


def preactivation(step, linear_map, x):
    """What a linear step computes before its activation, at inference."""
    activation = getattr(step.layer, "activation", None)
    if activation in (None, keras.activations.linear):
        return value_of(step, [x])
    y = linear_map.apply(x, linear_map.kernel)
    if step.layer.bias is None:
        return y
    bias = ops.cast(step.layer.bias, "float32")
    if getattr(linear_map, "data_format", None) == "channels_first":
        bias = ops.reshape(bias, (-1, *[1] * (len(y.shape) - 2)))
    return y + bias


def value_of(step, values):
    """What a step makes of values of its inputs, at inference."""
    return called(step.layer, values)
