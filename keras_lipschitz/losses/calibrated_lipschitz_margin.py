from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.losses._adjustable import Adjustable
from keras_lipschitz.losses._adjustable import number_of
from keras_lipschitz.losses._checks import check_amount
from keras_lipschitz.losses._checks import check_positive
from keras_lipschitz.losses._checks import check_probability
from keras_lipschitz.losses._margin_terms import SMALLEST_SLACK
from keras_lipschitz.losses._margin_terms import crossentropy
from keras_lipschitz.losses._margin_terms import margins
from keras_lipschitz.losses.margin_loss import MarginLoss

# The form, and where the released code of the paper puts its decision.
OFFSETS = {"pairwise": 2.0, "per_logit": 1.0}


@register
class CalibratedLipschitzMargin(MarginLoss):
    """CLL: cross-entropy of radii instead of logits, on a calibrated scale.

    Each margin `f_i - f_y` against the label `y` is divided by its Lipschitz
    constant `K_i`, which makes it minus a certified radius, and by

        sigma = epsilon / ln((2 - p) / p)

    so that a width of `2 epsilon` on the scale of radii covers all but the
    share `p` of a logistic distribution. `p` sets the slack: the composition of
    network and loss has the Lipschitz constant `1 / sigma`, whatever the
    weights; a smaller `p` allows more complex decision boundaries.

        form="pairwise":   u_i = ((f_i - f_y) / K_i + offset epsilon) / sigma
                           u_y = 0
        form="per_logit":  u_i = (f_i / K_i + offset epsilon) / sigma
                           u_y = (f_y / K_y - offset epsilon) / sigma
        loss = logsumexp(u) - u_y + regularization max_i K_i^2

    with `K_i` the constant of the margin, or of the logit by itself.

    What `offset` means: the loss asks for the radius `offset * epsilon`, where
    it is indifferent between the label and a rival. The released code of the
    paper has 2 with pairwise margins and 1 with logits, which are the
    defaults; its two-moons experiment has 1 on the margin of a binary model.

    The constants count as numbers in the cross-entropy, so the gradient cannot
    shrink margins and constants alike; the regularizer alone lowers them. It
    takes the largest constant of each sample's rivals, the paper that of all
    pairs.

    `epsilon`, `p` and `constant_scale` are variables, which `LossSchedule`
    moves during training. The value is NaN for a label that is no class.

    Args:
        epsilon: Number, the radius to calibrate for, in units of the model's
            input; not the model's own.
        p: Number between 0 and 1, the slack.
        form: `"pairwise"` or `"per_logit"`. Defaults to `"pairwise"`.
        offset: Number, the radius asked for in units of `epsilon`, or `None`
            for what the released code has. Defaults to `None`.
        regularization: Number, the weight of the squared constant. Defaults to
            `0.0`.
        constant_scale: Number by which the constants of the cross-entropy are
            multiplied: from 0.01 to 1 it eases the beginning of a long run.
            Defaults to `1.0`.
        detach: Whether the constants of the cross-entropy carry no gradient.
            Defaults to `True`.
        reduction: As for `keras.losses.Loss`.
        name: String. Defaults to `"calibrated_lipschitz_margin"`.
        **kwargs: Base loss keyword arguments.

    Input shape:
        As for `MarginLoss`: labels, and what a `GloroModel` hands over.

    Output shape:
        `(batch,)` before the reduction.

    Example:

    >>> loss = keras_lipschitz.losses.CalibratedLipschitzMargin(0.5, p=0.01)
    >>> round(1 / loss.sigma, 1)
    10.6

    ```python
    model.compile("adam", loss=loss, metrics=["vra"])
    ```

    Reference:
        - [Losch et al., Certified Robust Models with Slack Control and Large
          Lipschitz Constants, GCPR 2023](https://arxiv.org/abs/2309.06166)
    """

    epsilon = Adjustable(check_positive)
    p = Adjustable(check_probability)
    constant_scale = Adjustable(check_positive)

    def __init__(
        self,
        epsilon,
        p,
        form="pairwise",
        offset=None,
        regularization=0.0,
        constant_scale=1.0,
        detach=True,
        reduction="sum_over_batch_size",
        name="calibrated_lipschitz_margin",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        if form not in OFFSETS:
            raise ValueError(
                f"`form` should be one of {tuple(OFFSETS)}. Received: "
                f"form={form!r}"
            )
        offset = OFFSETS[form] if offset is None else offset
        self.epsilon = epsilon
        self.p = p
        self.constant_scale = constant_scale
        self.form = form
        self.offset = check_amount("offset", offset)
        self.regularization = check_amount("regularization", regularization)
        self.detach = bool(detach)

    @property
    def slack_of(self):
        return "margins" if self.form == "pairwise" else "logits"

    @property
    def sigma(self):
        """The scale of the logistic distribution, a float."""
        steepness = ops.convert_to_numpy(self._steepness())
        return number_of(self.epsilon) / float(steepness)

    def _steepness(self):
        """`epsilon / sigma`."""
        p = ops.convert_to_tensor(self.p)
        return ops.log((2.0 - p) / p)

    def margin_loss(self, logits, slack, is_label):
        # A slack is `epsilon K_i`: dividing by it measures in units of epsilon.
        unit = ops.stop_gradient(slack) if self.detach else slack
        unit = ops.maximum(self.constant_scale * unit, SMALLEST_SLACK)
        if self.form == "pairwise":
            # The label has no margin against itself, and no slack.
            unit = ops.where(is_label, 1.0, unit)
            asked = ops.where(is_label, 0.0, self.offset)
            outputs = margins(logits, is_label) / unit + asked
        else:
            asked = ops.where(is_label, -self.offset, self.offset)
            outputs = logits / unit + asked
        value = crossentropy(self._steepness() * outputs, is_label)
        if self.regularization:
            value = value + self.regularization * self._squared_constant(
                slack, is_label
            )
        return value

    def _squared_constant(self, slack, is_label):
        if self.form == "pairwise":
            slack = ops.where(is_label, 0.0, slack)
        return ops.square(ops.max(slack, axis=1) / self.epsilon)

    def get_config(self):
        return {
            **super().get_config(),
            "form": self.form,
            "offset": self.offset,
            "regularization": self.regularization,
            "detach": self.detach,
        }
