import functools

import numpy as np
from keras import ops

from keras_lipschitz._numbers import check_count
from keras_lipschitz._numbers import check_range
from keras_lipschitz._registration import register
from keras_lipschitz.bounds.global_lipschitz import GlobalLipschitz
from keras_lipschitz.bounds.interval_reach import IntervalReach
from keras_lipschitz.certification.decisions.box_decider import BoxDecider
from keras_lipschitz.certification.decisions.estimate import estimated_box_radii
from keras_lipschitz.certification.rounding import float32_up
from keras_lipschitz.ops.carried import carry
from keras_lipschitz.ops.margins import certified_radius
from keras_lipschitz.ops.margins import predicted_class
from keras_lipschitz.propagation.intervals import Box
from keras_lipschitz.propagation.intervals import input_box
from keras_lipschitz.propagation.intervals import propagate
from keras_lipschitz.propagation.intervals.propagate import check_rules

# On the device, radii are sought up to so many doublings of the one that the
# Lipschitz constants give.
_DOUBLINGS = 20.0


@register
class IntervalBound(GlobalLipschitz):
    """The margin bound of interval arithmetic: a box through the network.

    The box of all inputs within `epsilon`, in the l_inf norm, is carried from
    layer to layer, every entry between its own two ends. What is left of it
    before the last layer, if that is a `Dense` layer, is put into the
    differences of its weights,

        max (f_i - f_j) <= (w_i - w_j) c + b_i - b_j + |w_i - w_j| r

    with the middle `c` and the radius `r` of the box; otherwise the margin is
    at most the upper end of `f_i` less the lower end of `f_j`. It is never
    worse than `GlobalLipschitz(norm="inf")`, of a net of l_inf distances as of
    any other, and serves networks of every kind that were trained for it.

    While a net of l_inf distances trains at a finite `p`, distances count as
    1-Lipschitz, which is an estimate. So is what a training step sees of layers
    in `mixed_bfloat16`: kernels are applied in it. Outside of training boxes
    are float32, and what is certified is proved on the host.

    What a box leaves open can be decided with `branches`: linear relaxations
    of the ReLUs, whose slopes are sought, prove more than boxes, and where they
    do not either, the box is cut where a ReLU bends.

    Args:
        clip: Pair of numbers, or `None`. Inputs are known to lie between the
            two, in units of the model's input; what an attack does beyond does
            not count. Defaults to `None`.
        radius_steps: Integer, how many radii are tried for each sample where
            its certified radius is asked for. Defaults to `12`.
        branches: Integer, into how many parts the box of a sample may be taken
            where it is open whether the model's `epsilon` holds; `0` for none.
            On the host alone, where what is answered is proved: what training
            and exports compute is the box. Takes from a tenth of a second to
            seconds for each such sample of a network of ReLUs, few of which
            change sign within a box, as after training with this bound. The
            longer it was trained so, the less its boxes leave to be proved.
            Defaults to `0`.
        **kwargs: Base layer keyword arguments.

    Example:

    ```python
    bound = keras_lipschitz.bounds.IntervalBound(clip=(0.0, 1.0))
    model = keras_lipschitz.GloroModel(base, epsilon=0.1, bound=bound)
    model.compile("adam", loss="worst_case_crossentropy", metrics=["vra"])
    ```

    Reference:
        - [Gowal et al., On the Effectiveness of Interval Bound Propagation for
          Training Verifiably Robust Models, 2018](
          https://arxiv.org/abs/1810.12715)
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, ICML 2021](
          https://arxiv.org/abs/2102.05363)
        - [Wang et al., Beta-CROWN: Efficient Bound Propagation with Per-neuron
          Split Constraints, NeurIPS 2021](https://arxiv.org/abs/2103.06624)
    """

    per_sample = True
    bounds_margins = True

    def __init__(self, clip=None, radius_steps=12, branches=0, **kwargs):
        super().__init__(norm="inf", **kwargs)
        self.clip = None if clip is None else check_range("clip", clip)
        self.radius_steps = check_count("radius_steps", radius_steps)
        self.branches = check_count("branches", branches)

    def attach(self, base):
        super().attach(base)
        check_rules(self.graph, skip=self.composition.head)

    def call(self, logits, anchor, epsilon, training=False, inputs=None):
        reach = self._reach(inputs, epsilon, training, logits)
        slack = reach.slack(anchor)
        if not training:
            return slack
        # The weights are about to change: what was certified is void.
        self.void()
        return carry(slack, reach)

    def slack(self, logits, anchor, epsilon, training=False, inputs=None):
        return self._reach(inputs, epsilon, training, logits).slack(anchor)

    def logit_slack(self, logits, epsilon, training=False, inputs=None):
        return self._reach(inputs, epsilon, training, logits).logit_slack()

    def worst_margins(self, inputs, anchor, epsilon, training=False):
        """How large `f_i - f_anchor` can become: `(batch, classes)`.

        Args:
            inputs: Tensor `(batch, ...)`.
            anchor: Integer tensor `(batch,)`.
            epsilon: Scalar, or one for each sample.
            training: Whether a net of distances is at a finite `p`.
        """
        return self._reach(inputs, epsilon, training).margins(anchor)

    def _reach(self, inputs, epsilon, training, logits=None):
        body = self._body_box(inputs, epsilon, training)
        if self.composition.head is None:
            return IntervalReach(body, logits=logits)
        rows = ops.transpose(self.composition.head_map.kernel)
        head = self.composition.head.layer
        return IntervalReach(body, head, rows, logits)

    def _body_box(self, inputs, epsilon, training):
        """The box of what the head reads, or of the logits."""
        inputs = ops.cast(inputs, "float32")
        epsilon = ops.reshape(epsilon, (-1, *[1] * (len(inputs.shape) - 1)))
        box = input_box(inputs, epsilon, self.clip)
        if not training:
            box = Box(box.lower, box.upper)
        boxes = propagate(self.graph, box, training, self.composition.head)
        return boxes[self.composition.last]

    def radius(self, logits, training=False, inputs=None, compared_with=None):
        table = self.estimate() if training else self.margin_constants
        lowest = certified_radius(logits, table)
        anchor = predicted_class(logits)
        is_anchor = ops.arange(self.composition.classes) == anchor[:, None]

        def holds(radius):
            worst = self.worst_margins(inputs, anchor, radius, training)
            worst = ops.where(is_anchor, -float("inf"), worst)
            return ops.max(worst, axis=1) < 0.0

        if compared_with is not None:
            for asked in float32_up(compared_with):
                above = np.nextafter(asked, np.float32(np.inf))
                certified = holds(ops.convert_to_tensor(asked))
                found = ops.where(certified, above, np.float32(0))
                lowest = ops.maximum(lowest, found)
            return lowest

        def bisect(_, bracket):
            low, high = bracket
            middle = (low + high) / 2.0
            certified = holds(lowest * ops.power(2.0, middle))
            return (
                ops.where(certified, middle, low),
                ops.where(certified, high, middle),
            )

        zeros = ops.zeros_like(lowest)
        doublings, _ = ops.fori_loop(
            0, self.radius_steps, bisect, (zeros, zeros + _DOUBLINGS)
        )
        return lowest * ops.power(2.0, doublings)

    def decider(self, certificate, epsilon):
        if not certificate.rigorous:
            return functools.partial(estimated_box_radii, self, epsilon)
        return BoxDecider(
            certificate,
            self.graph.model,
            self.composition,
            epsilon,
            self.clip,
            self.radius_steps,
            self.branches,
        )

    def get_config(self):
        config = super().get_config()
        del config["norm"]
        return {
            **config,
            "clip": self.clip,
            "radius_steps": self.radius_steps,
            "branches": self.branches,
        }
