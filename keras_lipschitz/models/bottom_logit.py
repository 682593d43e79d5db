import keras
from keras import ops

from keras_lipschitz._registration import register
from keras_lipschitz.certification.rounding import float32_up
from keras_lipschitz.ops.carried import carried
from keras_lipschitz.ops.carried import carry
from keras_lipschitz.ops.margins import bottom_logit
from keras_lipschitz.ops.margins import predicted_class


@register
class BottomLogit(keras.layers.Layer):
    """Appends the bottom logit: what another class could reach at `epsilon`.

    In training the radius is `training_epsilon`, a variable that schedules may
    change; at inference it is `epsilon`, always.

    Args:
        bound: The attached `MarginBound`.
        epsilon: Float, the radius at inference.
        training_epsilon: Float, the radius in training.
        **kwargs: Base layer keyword arguments.
    """

    def __init__(self, bound, epsilon, training_epsilon, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.bound = bound
        # Whether losses look at the bottom logit. Where they do not, nothing
        # is differentiated that has no influence.
        self.seen_by_loss = True
        self.epsilon = self._radius("epsilon", epsilon)
        self.training_epsilon = self._radius(
            "training_epsilon", training_epsilon
        )
        self.built = True

    def _radius(self, name, value):
        return self.add_weight(
            name=name,
            shape=(),
            # Rounded up: the float32 ball must hold the ball asked for.
            initializer=keras.initializers.Constant(float32_up(value)),
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="only_first_replica",
        )

    def call(self, logits, inputs, training=False):
        anchor = predicted_class(logits)
        epsilon = self.training_epsilon if training else self.epsilon
        slack = self.bound(
            logits, anchor, epsilon, training=training, inputs=inputs
        )
        bottom = bottom_logit(logits, slack, anchor)
        if not self.seen_by_loss:
            bottom = ops.stop_gradient(bottom)
        outputs = ops.concatenate([logits, bottom], axis=1)
        # For a loss that asks for the slack of these very outputs.
        return carry(outputs, carried(slack))

    def get_config(self):
        # What Keras asks for where it copies a model layer by layer.
        raise ValueError(
            f"Expected {self.name!r} to stay with its GloroModel. To copy one, "
            "use `GloroModel.from_config(model.get_config())`, then "
            "`set_weights(model.get_weights())`"
        )

    def compute_output_shape(self, logits_shape, inputs_shape):
        return (logits_shape[0], logits_shape[1] + 1)
