import dataclasses
import functools

from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.bounds.global_lipschitz import GlobalLipschitz
from keras_lipschitz.bounds.local.network import LocalNetwork
from keras_lipschitz.bounds.local.options import LocalOptions
from keras_lipschitz.certification.local.decider import LocalDecider
from keras_lipschitz.certification.local.estimate import estimated_local_radii
from keras_lipschitz.certification.residual_blocks import with_residual_blocks
from keras_lipschitz.certification.rounding import float32_up
from keras_lipschitz.ops.carried import carry
from keras_lipschitz.ops.margins import SMALLEST_EPSILON
from keras_lipschitz.propagation.local.regions import check_boxes


@register
class LocalLipschitz(GlobalLipschitz):
    """A margin bound that looks at the ball around each input.

    Units that cannot vary while the input moves by `epsilon` take no part in
    how fast the network changes there: rows and columns of the linear maps
    are left out before their norms are taken,

        K(x) = prod_l ||D_l W_l D_(l-1)||_2

    with the masks `D` of the units that vary. Which they are is known from a
    ball and a box that are carried through the network. The norms come from a
    power method for every sample, which begins at the global singular vector.
    The slack is never larger than that of `GlobalLipschitz`.

    Units of ReLU stop to vary below zero; `ReLUTheta` and `ClippedMinMax` stop
    on both sides, at thresholds that are learned.

    On the device this is an estimate, for training and for validation during
    it. Once there is a rigorous certificate, `predict`, `evaluate` and exported
    models use its global constants, and `predict_certified` proves with local
    ones on the host.

    Args:
        steps: Integer, power iterations for each sample in a training step.
            Defaults to `1`.
        evaluation_steps: Integer, the same in validation and for estimates.
            Defaults to `10`.
        layers: Names of the layers that get local norms, as a sequence of
            strings; the others keep their global norm. Defaults to `None`:
            all.
        worst_case: `"ball"`: what the last layer reads moves in a ball;
            `"ball_and_box"`: and in its box, which is tighter. Defaults to
            `"ball"`.
        rounds: Integer, how often the worst case in ball and box is refined.
            Defaults to `1`.
        intervals: Whether boxes are also carried by interval arithmetic, at
            two more passes through the network, and not by the ball alone.
            Every layer then needs a rule of `register_interval_rule`. Defaults
            to `True`.
        box_gradient: Whether gradients flow through the boxes, as in the
            paper, at about two more training steps. Defaults to `False`.
        valid_range: Pair of numbers that inputs are known to lie between, or
            `None`. Estimates use it; proofs hold without. Defaults to `None`.
        sparsity: Number, the weight of a loss for units that vary, or are
            close to it; needs `box_gradient`. Defaults to `0.0`.
        **kwargs: As for `GlobalLipschitz`.

    Example:

    ```python
    bound = keras_lipschitz.bounds.LocalLipschitz(steps=2)
    model = keras_lipschitz.GloroModel(base, epsilon=36 / 255, bound=bound)
    ```

    Reference:
        - [Huang et al., Training Certifiably Robust Neural Networks with
          Efficient Local Lipschitz Bounds, NeurIPS 2021](
          https://arxiv.org/abs/2111.01395)
    """

    per_sample = True

    def __init__(
        self,
        steps=1,
        evaluation_steps=10,
        layers=None,
        worst_case="ball",
        rounds=1,
        intervals=True,
        box_gradient=False,
        valid_range=None,
        sparsity=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.options = LocalOptions(
            steps=steps,
            evaluation_steps=evaluation_steps,
            layers=layers,
            worst_case=worst_case,
            rounds=rounds,
            intervals=intervals,
            box_gradient=box_gradient,
            valid_range=valid_range,
            sparsity=sparsity,
        )
        if self.norm != 2 or not (self.pairwise or worst_case == "ball"):
            raise ValueError(
                "LocalLipschitz is about the l2 norm, and "
                "worst_case='ball_and_box' about pairs of classes. Expected "
                "norm=2, and pairwise=True with that worst case. Received: "
                f"norm={self.norm!r}, pairwise={self.pairwise}, "
                f"worst_case={worst_case!r}"
            )

    def attach(self, base):
        super().attach(base)
        if self.options.intervals:
            check_boxes(self.composition)
        self.local = LocalNetwork(self.composition, self.options, self._starts)
        known = {self.composition.names[key] for key in self.vectors()}
        if not known.issuperset(self.options.layers or ()):
            raise ValueError(
                "`layers` should name layers with a norm of their own, of "
                f"{sorted(known)}. Received: layers={self.options.layers}"
            )
        # One while the certificate is an estimate: only then may a margin be
        # judged by one at inference.
        self.estimating = self.add_weight(
            name="estimating",
            shape=(),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="only_first_replica",
        )

    def _starts(self):
        """The vectors to begin with, of the layers that get local norms."""
        names, chosen = self.composition.names, self.options.layers
        return {
            key: iterate.vector
            for key, iterate in self._iterate_of.items()
            if iterate is not None and (chosen is None or names[key] in chosen)
        }

    def call(self, logits, anchor, epsilon, training=False, inputs=None):
        if not training:
            return self._kept_slack(logits, anchor, epsilon, inputs)
        self.estimated_norms(advance=True)
        self.void()
        # Norms that `slack` would find: where nothing is carried, compilers
        # merge the two walks.
        reach, regions = self._reach(epsilon, inputs)
        if self.options.sparsity:
            self.add_loss(self.local.sparsity(regions))
        return carry(reach.slack(anchor), reach)

    def slack(self, logits, anchor, epsilon, training=False, inputs=None):
        if not training:
            return self._kept_slack(logits, anchor, epsilon, inputs)
        reach, _ = self._reach(epsilon, inputs)
        return reach.slack(anchor)

    def logit_slack(self, logits, epsilon, training=False, inputs=None):
        reach, _ = self._reach(epsilon, inputs)
        return reach.logit_slack()

    def _reach(self, epsilon, inputs, norms=None, steps=None):
        """The `Reach` of a walk, and its regions."""
        return self.local.reach(
            inputs,
            ops.maximum(epsilon, SMALLEST_EPSILON),
            self.estimated_norms() if norms is None else norms,
            self.options.steps if steps is None else steps,
            self._head_table(),
            self._head_norms(),
        )

    def _kept_slack(self, logits, anchor, epsilon, inputs):
        """By the certificate: the estimate's, with local norms beside it."""
        certified = super().slack(logits, anchor, epsilon)

        def estimated():
            local = self.estimated_slack(anchor, epsilon, inputs)
            return ops.minimum(certified, local)

        return ops.cond(self.estimating > 0.5, estimated, lambda: certified)

    def exported(self):
        """The global bound: no format is made for estimates."""
        return GlobalLipschitz(pairwise=self.pairwise)

    # Estimates, with the power iterations of evaluation.

    def estimated_slack(self, anchor, epsilon, inputs, norms=None):
        """The slack of every class, estimated.

        Args:
            anchor: Integer tensor `(batch,)`.
            epsilon: Scalar.
            inputs: Tensor `(batch, ...)`.
            norms: Dict from keys to global norms; estimates by default.

        Returns:
            Tensor `(batch, classes)`.
        """
        steps = self.options.evaluation_steps
        reach, _ = self._reach(epsilon, inputs, norms, steps)
        return reach.slack(anchor)

    def estimated_local_norms(self, inputs, epsilon):
        """Dict from keys to norms: of each sample, or a global one."""
        steps = self.options.evaluation_steps
        norms = self.estimated_norms()
        return self.local.norms(inputs, epsilon, norms, steps)[0]

    # On the host.

    def certified_norms(self, certificate):
        """Dict from keys to the norms of a certificate, as float32.

        Of what the certificate takes together, estimates.
        """
        norms = [float32_up(layer.upper) for layer in certificate.layers]
        maps = with_residual_blocks(self.composition).linear_maps
        certified = dict(zip(maps, norms, strict=True))
        return {**self.estimated_norms(), **certified}

    def keep(self, certificate):
        super().keep(certificate)
        self.estimating.assign(0.0 if certificate.rigorous else 1.0)

    def void(self):
        super().void()
        self.estimating.assign(0.0)

    def decider(self, certificate, epsilon):
        if certificate.rigorous:
            return LocalDecider(certificate, self, epsilon)
        return functools.partial(
            estimated_local_radii, certificate, self, epsilon
        )

    def get_config(self):
        return {**super().get_config(), **dataclasses.asdict(self.options)}
