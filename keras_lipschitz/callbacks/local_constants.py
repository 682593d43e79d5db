import keras
import numpy as np
from keras import ops

from keras_lipschitz.bounds.local_lipschitz import LocalLipschitz
from keras_lipschitz.models.gloro_model import GloroModel
from keras_lipschitz.propagation.composition import key_of


class LocalConstants(keras.callbacks.Callback):
    """Logs how tight local bounds are and how many units can vary.

    After every epoch, for some samples and the model's radius: the constant of
    everything below the last layer, as `constant/global` and, the mean over
    the samples, as `constant/local`; and for every linear layer the share of
    its outputs that can vary and matter, as `varying/name`. All are estimates.
    `plot_local_bounds` draws them. List the callback before those that write
    the logs elsewhere, such as `CSVLogger`.

    Args:
        x: Array of inputs.

    Example:

    ```python
    model = keras_lipschitz.GloroModel(
        base, epsilon=0.3, bound=keras_lipschitz.bounds.LocalLipschitz()
    )
    model.compile("adam", loss="gloro_crossentropy", metrics=["vra"])
    model.fit(x, y, epochs=20, callbacks=[
        keras_lipschitz.callbacks.LocalConstants(x[:200]),
    ])
    ```

    Reference:
        - [Huang et al., Training Certifiably Robust Neural Networks with
          Efficient Local Lipschitz Bounds, NeurIPS 2021](
          https://arxiv.org/abs/2111.01395)
    """

    def __init__(self, x):
        super().__init__()
        self.x = np.asarray(x)

    def on_train_begin(self, logs=None):
        if not (
            isinstance(self.model, GloroModel)
            and isinstance(self.model.bound, LocalLipschitz)
        ):
            raise ValueError(
                "LocalConstants is about a GloroModel with a LocalLipschitz "
                f"bound. Received: model {self.model.name!r} of type "
                f"{type(self.model).__name__}"
            )

    def on_epoch_end(self, epoch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        bound, epsilon = self.model.bound, self.model.epsilon
        composition = bound.composition
        norms = bound.estimated_norms()
        local = bound.estimated_local_norms(self.x, epsilon)
        logs["constant/global"] = _mean(composition.body_constant(norms))
        logs["constant/local"] = _mean(composition.body_constant(local))
        _, relevant = bound.local.walk(self.x, epsilon, norms)
        for step in composition.body:
            key = key_of(step)
            if key in composition.linear_maps:
                name = f"varying/{composition.names[key]}"
                logs[name] = _mean(relevant[step.outputs[0]])


def _mean(tensor):
    return float(np.mean(ops.convert_to_numpy(tensor)))
