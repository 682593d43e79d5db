import keras

from keras_lipschitz.callbacks.schedule import Schedule
from keras_lipschitz.losses.gloro_trades import GloroTrades
from keras_lipschitz.models.gloro_model import GloroModel


class TradesSchedule(Schedule):
    """Moves the weight of the robustness term of `GloroTrades`.

    Training for accuracy first and for robustness later often ends better
    than a fixed weight. Logged as `trades_weight`.

    Args:
        start: Number, the weight at first.
        end: Number, the weight at last.
        shape: `"linear"`, `"logarithmic"` (fast, then slower), `"cosine"`,
            `"exponential"` or `"constant"`. Defaults to `"linear"`.
        reached_at: Number, the fraction of the run after which the weight is
            `end`. Defaults to `1.0`.

    Example:

    ```python
    model.compile("adam", loss="gloro_trades", metrics=["vra"])
    model.fit(x, y, epochs=20, callbacks=[
        keras_lipschitz.callbacks.TradesSchedule(0.0, 2.0),
    ])
    ```

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    log_name = "trades_weight"

    def __init__(self, start, end, shape="linear", reached_at=1.0):
        super().__init__(start, end, shape=shape, reached_at=reached_at)

    def check_model(self):
        if not (isinstance(self.model, GloroModel) and self._losses()):
            raise ValueError(
                "TradesSchedule moves the weight of GloroTrades. Expected a "
                "GloroModel compiled with loss=GloroTrades(...) or "
                "'gloro_trades'. Received: model "
                f"{self.model.name!r} of type {type(self.model).__name__} with "
                f"loss={self.model.loss!r}"
            )

    def assign(self, value):
        for loss in self._losses():
            loss.weight = value

    def _losses(self):
        given = keras.tree.flatten(self.model.loss)
        return [loss for loss in given if isinstance(loss, GloroTrades)]
