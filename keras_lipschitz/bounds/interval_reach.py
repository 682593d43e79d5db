import dataclasses

from keras import ops

from keras_lipschitz.propagation.intervals import Box


@dataclasses.dataclass(frozen=True, eq=False)
class IntervalReach:
    """What the boxes of a batch say of margins, whatever their anchor.

    A training step carries boxes through the network once: slack is asked of
    the same value for the bottom logit and for the loss.

    Args:
        body: The `Box` of what the head reads, or of the logits where there is
            no head.
        head: The head, a `Dense` layer, or `None`.
        rows: Tensor `(classes, features)`, the weights of the head, or `None`.
        logits: Tensor `(batch, classes)`, those of the inputs: margins do not
            need them, slack does.
    """

    body: Box
    head: object = None
    rows: object = None
    logits: object = None

    def margins(self, anchor):
        """How large `f_i - f_anchor` can become: `(batch, classes)`."""
        if self.head is None:
            return self.body.upper - _entry(self.body.lower, anchor)
        middle = self._middle()
        chosen = ops.one_hot(anchor, self.rows.shape[0], dtype="float32")
        differences = self.rows[None] - ops.matmul(chosen, self.rows)[:, None]
        radius = ops.cast(self.body.radius, "float32")
        reach = ops.einsum("bci,bi->bc", ops.abs(differences), radius)
        return middle - _entry(middle, anchor) + reach

    def slack(self, anchor):
        """The slack of every class against the anchor.

        Args:
            anchor: Integer tensor `(batch,)`.

        Returns:
            Tensor `(batch, classes)`.
        """
        margins = self.logits - _entry(self.logits, anchor)
        # The input itself is in its box.
        return ops.maximum(self.margins(anchor) - margins, 0.0)

    def logit_slack(self):
        """How far each logit by itself can move, `(batch, classes)`."""
        if self.head is None:
            upper, lower = self.body.upper, self.body.lower
        else:
            middle = self._middle()
            radius = ops.cast(self.body.radius, "float32")
            radius = ops.matmul(radius, ops.transpose(ops.abs(self.rows)))
            upper, lower = middle + radius, middle - radius
        away = ops.maximum(upper - self.logits, self.logits - lower)
        return ops.maximum(away, 0.0)

    def _middle(self):
        """The logits in the middle of the box."""
        middle = ops.cast(self.body.middle, "float32")
        middle = ops.matmul(middle, ops.transpose(self.rows))
        if self.head.bias is not None:
            middle = middle + ops.cast(self.head.bias, "float32")
        return middle


def _entry(values, index):
    """The entry of each row at an index, as a column."""
    is_entry = ops.arange(values.shape[1]) == index[:, None]
    return ops.sum(ops.where(is_entry, values, 0.0), axis=1, keepdims=True)
