import itertools

import keras
import numpy as np
from keras import ops

# Keras exports no way to keep metrics without tracking them a second time.
from keras.src.utils.tracking import no_automatic_dependency_tracking

from keras_lipschitz import losses as keras_lipschitz_losses
from keras_lipschitz import metrics as keras_lipschitz_metrics
from keras_lipschitz.models.checks import check_reads_logits
from keras_lipschitz.ops.carried import carried
from keras_lipschitz.ops.labels import class_indices

_OF_ONE_HOT = (
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
)


class MarginTraining(keras.Model):
    """What `compile` and `fit` do beyond Keras where losses see margins.

    Losses may ask for the slack of the margins in place of the bottom logit
    (`needs_slack`) and may have variables that are learned or saved; metrics
    may ask for the certified radius (`needs_radius`). A subclass has a `bound`,
    a `bottom` with both radii, and outputs that are logits and bottom logit.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._given_metrics = {}

    @no_automatic_dependency_tracking
    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        metrics=None,
        weighted_metrics=None,
        **kwargs,
    ):
        """Configures the model for training, as `keras.Model.compile` does.

        Beside what Keras knows, `loss` and `metrics` may be the names that
        `keras_lipschitz.losses.get` and `keras_lipschitz.metrics.get` know:
        `"gloro_crossentropy"`, `"gloro_trades"`, `"vra"`, ...

        Raises:
            ValueError: Where a loss of Keras would read probabilities.
        """
        check_reads_logits(loss)
        self._given_metrics = {
            "metrics": _metrics(metrics),
            "weighted_metrics": _metrics(weighted_metrics),
        }
        # Metrics of the radius see more than labels and outputs: we run them.
        left_to_keras = {
            kind: [m for m in given if not _needs_radius(m)]
            for kind, given in self._given_metrics.items()
        }
        super().compile(
            optimizer=optimizer,
            loss=keras_lipschitz_losses.get(loss),
            **left_to_keras,
            **kwargs,
        )
        self.bottom.seen_by_loss = not self._loss_needs_slack()

    def get_compile_config(self):
        config = super().get_compile_config()
        if config is not None:
            for kind, given in self._given_metrics.items():
                config[kind] = keras.saving.serialize_keras_object(given)
        return config

    def compile_from_config(self, config):
        # Keras does this only for models that do not override `compile`.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self):
        given = itertools.chain.from_iterable(self._given_metrics.values())
        return [*super().metrics, *filter(_needs_radius, given)]

    @property
    def variables(self):
        # JAX bakes into a compiled step what is not state of the model.
        return [*super().variables, *self._loss_variables()]

    @property
    def trainable_weights(self):
        return [*super().trainable_weights, *self._learned_by_loss()]

    def _loss_variables(self):
        losses = keras.tree.flatten(getattr(self, "loss", None))
        return [v for x in losses for v in getattr(x, "variables", ())]

    def _learned_by_loss(self):
        return [v for v in self._loss_variables() if v.trainable]

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        # Here, because on JAX `compute_metrics` cannot read the weights.
        self._update_radius_metrics(x, y, y_pred, sample_weight, training)
        y_pred = self._seen_by_loss(x, y, y_pred, training)
        y = self._labels_for_loss(y)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def _labels_for_loss(self, y):
        """The labels, with a zero for the bottom where Keras compares all."""
        losses = keras.tree.flatten(self.loss)
        one_hot = any(isinstance(loss, _OF_ONE_HOT) for loss in losses)
        if one_hot and y.shape[-1] == self.classes:
            return ops.pad(ops.convert_to_tensor(y), [[0, 0], [0, 1]])
        return y

    def _seen_by_loss(self, x, y, y_pred, training):
        """The outputs, or logits and slack for a loss that asks for these.

        A loss of worst cases alone gets those, as logits, where the bound
        gives them: nothing then is differentiated that cancels.
        """
        if not self._loss_needs_slack():
            return y_pred
        (loss,) = keras.tree.flatten(self.loss)
        if loss.worst_case_only and self.bound.bounds_margins:
            worst = self._worst_for(loss, x, y, y_pred, training)
            return ops.concatenate([worst, ops.zeros_like(worst)], axis=1)
        slack = self._slack_for(loss, x, y, y_pred, training)
        return ops.concatenate([y_pred[:, :-1], slack], axis=1)

    def _worst_for(self, loss, x, y, y_pred, training):
        """The worst margins against the label, whatever the logits."""
        label = self._known_label(y)
        reach = self._reach_for(loss, y_pred, training)
        if reach is not None:
            worst = reach.margins(label)
        else:
            worst = self.bound.worst_margins(
                self._inputs_of(x),
                label,
                self._radius_for(loss, training),
                training,
            )
        is_label = ops.arange(self.classes, dtype="int32") == label[:, None]
        return ops.where(is_label, 0.0, worst)

    def _slack_for(self, loss, x, y, y_pred, training):
        of_logits = loss.slack_of == "logits"
        anchor = () if of_logits else (self._known_label(y),)
        reach = self._reach_for(loss, y_pred, training)
        if reach is not None:
            return reach.logit_slack() if of_logits else reach.slack(*anchor)
        slack = self.bound.logit_slack if of_logits else self.bound.slack
        return slack(
            y_pred[:, :-1],
            *anchor,
            self._radius_for(loss, training),
            training=training,
            inputs=self._inputs_of(x),
        )

    def _known_label(self, y):
        # A label that is no class is the loss's to tell.
        return ops.maximum(class_indices(y, self.classes), 0)

    def _reach_for(self, loss, y_pred, training):
        """What was found of these outputs at the radius of the loss."""
        own = loss.epsilon is None
        return carried(y_pred) if own and training else None

    def _radius_for(self, loss, training):
        if loss.epsilon is not None:
            return loss.epsilon
        bottom = self.bottom
        return bottom.training_epsilon if training else bottom.epsilon

    def _loss_needs_slack(self):
        given = keras.tree.flatten(self.loss)
        return any(getattr(loss, "needs_slack", False) for loss in given)

    def _update_radius_metrics(self, x, y, y_pred, sample_weight, training):
        needing = [m for m in self.metrics if _needs_radius(m)]
        if not needing:
            return
        y_pred = ops.stop_gradient(y_pred)
        radius = self.bound.radius(
            y_pred[:, :-1],
            training=training,
            inputs=self._inputs_of(x),
            compared_with=_compared_with(needing),
        )
        for kind, given in self._given_metrics.items():
            weight = sample_weight if kind == "weighted_metrics" else None
            for metric in filter(_needs_radius, given):
                metric.update_state(y, y_pred, weight, radius=radius)

    def _inputs_of(self, x):
        """The one input tensor, as the wrapped model reads it."""
        (x,) = keras.tree.flatten(x)
        return ops.cast(x, self.inputs[0].dtype)

    def save_own_variables(self, store):
        for variable in self._learned_by_loss():
            store[f"loss_{variable.name}"] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store):
        for variable in self._learned_by_loss():
            name = f"loss_{variable.name}"
            if name in store.keys():
                variable.assign(np.asarray(store[name]))


def _metrics(given):
    given = [] if given is None else keras.tree.flatten(given)
    return [keras_lipschitz_metrics.get(metric) for metric in given]


def _compared_with(metrics):
    """All radii that matter, or `None` where the certified one itself does."""
    radii = [getattr(metric, "compared_with", None) for metric in metrics]
    if any(r is None for r in radii):
        return None
    return tuple(sorted(set(itertools.chain.from_iterable(radii))))


def _needs_radius(metric):
    return getattr(metric, "needs_radius", False)
