import dataclasses

from keras_lipschitz.ops.ball_and_box import ball_and_box_maximum
from keras_lipschitz.ops.margins import rows_of


@dataclasses.dataclass(frozen=True)
class Reach:
    """What a walk around each input says of margins, whatever their anchor.

    A training step walks once: slack is asked of the same value for the bottom
    logit and for the loss. All of it is of the same weights.

    Args:
        distance: Tensor `(batch, 1)`, how far what the head reads can move.
        rates: Tensor `(classes, classes)`, how fast margins move with it.
        logit_rates: Tensor `(classes,)`, how fast each logit does.
        rows: Tensor `(classes, features)`, the weights of the head, where what
            it reads also stays in a box; otherwise `None`.
        below: Tensor `(batch, features)`, where the box begins, from the
            value for the input itself.
        above: Tensor of that shape, where it ends.
        rounds: Integer, how often the worst case of both is refined.
    """

    distance: object
    rates: object
    logit_rates: object
    rows: object = None
    below: object = None
    above: object = None
    rounds: int = 1

    def slack(self, anchor):
        """The slack of every class against the anchor.

        Args:
            anchor: Integer tensor `(batch,)`.

        Returns:
            Tensor `(batch, classes)`.
        """
        if self.rows is None:
            return self.distance * rows_of(self.rates, anchor)
        return ball_and_box_maximum(
            self.rows[None] - rows_of(self.rows, anchor)[:, None],
            self.below,
            self.above,
            self.distance[:, 0],
            self.rounds,
        )

    def logit_slack(self):
        """How far each logit by itself can move, `(batch, classes)`."""
        return self.distance * self.logit_rates
