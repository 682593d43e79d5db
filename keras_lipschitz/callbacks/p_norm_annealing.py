import math
import warnings

import keras

from keras_lipschitz.callbacks.schedule import Schedule
from keras_lipschitz.layers.linf_dist_layer import LInfDistLayer
from keras_lipschitz.optimizers.linf_adam import LInfAdam

_SLOWEST_BETA_2 = 0.995
_LARGEST_EPSILON = 1e-9


class PNormAnnealing(Schedule):
    """Raises the norm in which a net of l_inf distances trains.

    The `p` of all `LInfDist` and `LInfDistConv2D` layers grows by equal factors
    from `start` to `end`, and is infinite for the rest of the run. What `fit`
    logs of the training set was taken at the `p` that it logs; validation is
    always at `p = inf`, where a network is poor until `p` is about 50.

    Most of the gradient is close to zero, and `p` changes what is learned:
    Adam needs an `epsilon` of 1e-10 and a `beta_2` of 0.99, as `LInfAdam` has
    them. Others give a warning.

    Logged as `p`, and the weight of the loss as `loss_weight`.

    Args:
        start: Number, 1 or more, the norm at first. Defaults to `8.0`.
        end: Number, the norm before it is infinite. Defaults to `1000.0`.
        begin_at: Number, the fraction of the run until which it stays at
            `start`. Defaults to `0.0`.
        reached_at: Number, the fraction of the run from which on it is
            infinite. Defaults to `0.9`.
        loss_weight: `None`, or a pair of positive numbers: the `weight` of
            the loss moves from one to the other by equal factors, along with
            `p`, as `ClippedHinge` asks for. Defaults to `None`.

    Example:

    ```python
    optimizer = keras_lipschitz.optimizers.LInfAdam(0.02)
    model.compile(optimizer, loss="clipped_hinge", metrics=["vra"])
    model.fit(x, y, epochs=50, callbacks=[
        keras_lipschitz.callbacks.PNormAnnealing(loss_weight=(0.05, 2e-4)),
    ])
    ```

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, ICML 2021](
          https://arxiv.org/abs/2102.05363)
        - [Zhang et al., Boosting the Certified Robustness of L-infinity
          Distance Nets, ICLR 2022](https://arxiv.org/abs/2110.06850)
    """

    log_name = "p"

    def __init__(
        self,
        start=8.0,
        end=1000.0,
        begin_at=0.0,
        reached_at=0.9,
        loss_weight=None,
    ):
        super().__init__(
            start,
            end,
            shape="exponential",
            begin_at=begin_at,
            reached_at=reached_at,
        )
        if not 1.0 <= self.start < self.end:
            raise ValueError(
                "Expected norms 1 <= start < end. Received: "
                f"start={start!r}, end={end!r}"
            )
        self.loss_weight = loss_weight
        if loss_weight is not None:
            self._check_value("loss_weight", loss_weight[0])
            self._check_value("loss_weight", loss_weight[1])

    def value_at(self, progress):
        if progress >= self.reached_at:
            return math.inf
        return super().value_at(progress)

    def weight_at(self, p):
        """The weight of the loss where the norm is `p`."""
        way = math.log(min(p, self.end) / self.start)
        way /= math.log(self.end / self.start)
        first, last = self.loss_weight
        return first * (last / first) ** way

    def check_model(self):
        if not self._layers():
            raise ValueError(
                "PNormAnnealing moves the `p` of LInfDist and LInfDistConv2D. "
                f"Received: model {self.model.name!r} without such layers"
            )
        if self.loss_weight is not None and not self._losses():
            raise ValueError(
                "`loss_weight` moves the weight of the loss. Expected a model "
                "compiled with ClippedHinge. Received: "
                f"loss={self.model.loss!r}"
            )
        _check_optimizer(self.model.optimizer)

    def assign(self, value):
        model = self.model
        for layer in self._layers(model):
            layer.p = value
        if isinstance(model.optimizer, LInfAdam):
            model.optimizer.p = value
        if self.loss_weight is not None:
            for loss in self._losses(model):
                loss.weight = self.weight_at(value)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        self._log_weight(logs)

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self._log_weight(logs)

    def _log_weight(self, logs):
        if self.loss_weight is not None and self.log_name in logs:
            logs["loss_weight"] = self.weight_at(logs[self.log_name])

    def _layers(self, model=None):
        model = self.model if model is None else model
        return [
            layer
            for layer in model._flatten_layers()
            if isinstance(layer, LInfDistLayer)
        ]

    def _losses(self, model=None):
        model = self.model if model is None else model
        return [
            loss
            for loss in keras.tree.flatten(model.loss)
            if hasattr(loss, "weight")
        ]


def _check_optimizer(optimizer):
    beta_2 = getattr(optimizer, "beta_2", 0.0)
    epsilon = getattr(optimizer, "epsilon", 0.0)
    if beta_2 > _SLOWEST_BETA_2 or epsilon > _LARGEST_EPSILON:
        warnings.warn(
            "Nets of l_inf distances hardly learn with these settings of "
            f"{type(optimizer).__name__}. Expected about beta_2=0.99, "
            "epsilon=1e-10, as keras_lipschitz.optimizers.LInfAdam has them. "
            f"Received: beta_2={beta_2}, epsilon={epsilon}",
            stacklevel=3,
        )
