import keras

from keras_lipschitz.callbacks.schedule import Schedule
from keras_lipschitz.losses.margin_loss import MarginLoss
from keras_lipschitz.models.gloro_model import GloroModel


class LossSchedule(Schedule):
    """Moves a number of a `MarginLoss`: `p` or `epsilon` of CLL, for example.

    Logged under the name of the number.

    Args:
        number: String, the name of a variable of the loss.
        start: Number, its value at first.
        end: Number, its value at last.
        shape: `"linear"`, `"logarithmic"` (fast, then slower), `"cosine"`,
            `"exponential"` or `"constant"`. Defaults to `"linear"`.
        begin_at: Number, the fraction of the run until which it is `start`.
            Defaults to `0.0`.
        reached_at: Number, the fraction of the run after which the value is
            `end`. Defaults to `1.0`.

    Example:

    ```python
    loss = keras_lipschitz.losses.CalibratedLipschitzMargin(0.15, p=1e-3)
    model.compile("adam", loss=loss, metrics=["vra"])
    model.fit(x, y, epochs=20, callbacks=[
        keras_lipschitz.callbacks.LossSchedule(
            "p", 1e-3, 1e-12, shape="exponential"
        ),
    ])
    ```

    Reference:
        - [Losch et al., Certified Robust Models with Slack Control and Large
          Lipschitz Constants, GCPR 2023](https://arxiv.org/abs/2309.06166)
    """

    def __init__(
        self,
        number,
        start,
        end,
        shape="linear",
        reached_at=1.0,
        begin_at=0.0,
    ):
        super().__init__(start, end, shape, begin_at, reached_at)
        self.log_name = self.number = number

    def check_model(self):
        if not (isinstance(self.model, GloroModel) and self._losses()):
            raise ValueError(
                f"LossSchedule moves {self.number!r} of a loss. Expected a "
                "GloroModel compiled with a MarginLoss that has a variable of "
                f"that name. Received: model {self.model.name!r} of type "
                f"{type(self.model).__name__} with loss={self.model.loss!r}"
            )

    def assign(self, value):
        for loss in self._losses():
            setattr(loss, self.number, value)

    def _losses(self):
        return [
            loss
            for loss in keras.tree.flatten(self.model.loss)
            if isinstance(loss, MarginLoss) and self.number in loss.numbers
        ]
