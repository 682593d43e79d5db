import keras

from keras_lipschitz.models.gloro_model import GloroModel


class LipschitzUpdate(keras.callbacks.Callback):
    """Converges the power method after every epoch and logs the constant.

    A training step takes one power iteration or few, so the estimates of the
    norms lag a little behind the weights. This callback finds the norms to full
    precision before the first epoch and after every one, and training goes on
    from the vectors found. Validation needs the same norms: where there is one
    they are not computed twice.

    Logged as `lipschitz`: the constant of everything below the last layer, an
    estimate from below. List the callback before those that write the logs
    elsewhere, such as `CSVLogger`.

    Args:
        per_layer: Whether to log the norm of every layer too, as
            `lipschitz/name`. Defaults to `False`.

    Example:

    ```python
    model.fit(x, y, epochs=20, validation_data=(x_val, y_val), callbacks=[
        keras_lipschitz.callbacks.LipschitzUpdate(per_layer=True),
    ])
    ```

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    def __init__(self, per_layer=False):
        super().__init__()
        self.per_layer = bool(per_layer)

    def on_train_begin(self, logs=None):
        if not isinstance(self.model, GloroModel):
            raise ValueError(
                "LipschitzUpdate converges the norms of a GloroModel. "
                f"Received: model {self.model.name!r} of type "
                f"{type(self.model).__name__}"
            )
        self.model.certify(level="estimate")

    def on_epoch_end(self, epoch, logs=None):
        # Certifies anew unless validation did so for the same weights.
        norms = self.model.lipschitz_constants()
        logs["lipschitz"] = self.model.certificate.body_constant
        if self.per_layer:
            logs.update(
                {f"lipschitz/{norm.name}": norm.upper for norm in norms}
            )
