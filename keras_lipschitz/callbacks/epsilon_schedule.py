from keras_lipschitz.callbacks.schedule import Schedule
from keras_lipschitz.models.gloro_model import GloroModel


class EpsilonSchedule(Schedule):
    """Raises the radius that a `GloroModel` trains for.

    A network learns more easily when the radius grows from small to a little
    above the target. Only `model.training_epsilon` moves: inference and
    validation are always at `model.epsilon`. Logged as `training_epsilon`.

    Args:
        start: Number, the radius at first, in units of the model's input.
        end: Number, the radius at last; 1.1 to 1.5 times the model's epsilon
            trains well.
        shape: `"linear"`, `"logarithmic"` (fast, then slower), `"cosine"`,
            `"exponential"` or `"constant"`. Defaults to `"linear"`.
        reached_at: Number, the fraction of the run after which the radius is
            `end`. Defaults to `0.5`.

    Example:

    ```python
    model = keras_lipschitz.GloroModel(base, epsilon=0.3)
    model.compile("adam", loss="gloro_crossentropy", metrics=["vra"])
    model.fit(x, y, epochs=20, callbacks=[
        keras_lipschitz.callbacks.EpsilonSchedule(0.003, 0.33),
    ])
    ```

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    log_name = "training_epsilon"

    def __init__(self, start, end, shape="linear", reached_at=0.5):
        super().__init__(start, end, shape=shape, reached_at=reached_at)

    def check_model(self):
        if not isinstance(self.model, GloroModel):
            raise ValueError(
                "EpsilonSchedule moves the training radius of a GloroModel. "
                f"Received: model {self.model.name!r} of type "
                f"{type(self.model).__name__}"
            )

    def assign(self, value):
        self.model.training_epsilon = value
