import collections

import keras
import numpy as np
from keras.src.utils import io_utils

from keras_lipschitz._registration import register
from keras_lipschitz.certification.certificate import Certificate
from keras_lipschitz.certification.rounding import float32_up
from keras_lipschitz.layers.one_lipschitz.stored_kernels import kernels_computed
from keras_lipschitz.models.bottom_logit import BottomLogit
from keras_lipschitz.models.certified_inference import CertifiedInference
from keras_lipschitz.models.checks import check_epsilon
from keras_lipschitz.models.checks import check_finite
from keras_lipschitz.models.checks import chosen_bound
from keras_lipschitz.models.checks import is_concrete
from keras_lipschitz.models.plain_twin import plain_twin

ABSTAIN = -1

CertifiedPrediction = collections.namedtuple(
    "CertifiedPrediction", ["label", "radius"]
)
CertifiedPrediction.__doc__ = """What `GloroModel.predict_certified` returns.

Attributes:
    label: Integer array `(samples,)`; `-1` where the model abstains.
    radius: Float64 array `(samples,)`: the prediction cannot change within
        this distance, in the norm of the model.
"""


@register
class GloroModel(CertifiedInference):
    """A classifier that proves its predictions, or abstains.

    Wraps a Keras classifier that ends in logits and appends one class, the
    bottom: its logit is the largest that any other class could reach if the
    input moved by at most `epsilon`. Where it wins the model abstains; where
    it does not, no perturbation of that size changes the prediction.
    Training the `classes + 1` outputs as a classifier makes the network
    robust, at hardly more than the cost of a plain step.

    The wrapped model keeps its layers: training the `GloroModel` trains
    `base`. The constants are certified on the host in float64 when they are
    first needed for new weights, and never used for others.

    Args:
        base: A built Functional or Sequential `keras.Model` with one input and
            logits of shape `(batch, classes)`. Its layers need Lipschitz
            rules; one without is refused by name.
        epsilon: Number, the radius to certify, in units of the input of
            `base`: for images in `[0, 255]` with a `Rescaling(1 / 255)` inside,
            in units of 0 to 255.
        bound: A `keras_lipschitz.bounds.MarginBound`. Defaults to
            `GlobalLipschitz(norm=norm)`.
        training_epsilon: Number, the radius while training. Defaults to
            `epsilon`; somewhat more trains better.
        norm: `2` or `"inf"`, the norm of the perturbations that predictions
            withstand. Defaults to that of `bound`, or `2`.
        **kwargs: `name` and `trainable`, as for `keras.Model`.

    Input shape:
        That of `base`.

    Output shape:
        `(batch, classes + 1)`: the logits of `base`, then the bottom logit.

    Example:

    ```python
    base = keras.Sequential([
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(16, 4, strides=2, padding="same"),
        keras_lipschitz.layers.MinMax(),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ])
    model = keras_lipschitz.GloroModel(base, epsilon=0.3)
    model.compile("adam", loss="gloro_crossentropy", metrics=["vra"])
    model.fit(x, y, epochs=10)
    labels, radii = model.predict_certified(x_test)
    ```

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """

    def __init__(
        self,
        base,
        epsilon,
        bound=None,
        training_epsilon=None,
        norm=None,
        **kwargs,
    ):
        epsilon = check_epsilon(epsilon)
        if training_epsilon is None:
            training_epsilon = epsilon
        bound = chosen_bound(bound, norm)
        bound.attach(base)
        check_finite(base)
        bottom = BottomLogit(
            bound,
            epsilon,
            check_epsilon(training_epsilon, "training_epsilon"),
            name="bottom_logit",
        )
        inputs = keras.Input(
            batch_shape=base.inputs[0].shape, dtype=base.inputs[0].dtype
        )
        outputs = bottom(base(inputs), inputs)
        super().__init__(
            base,
            bound,
            bottom,
            epsilon,
            inputs=inputs,
            outputs=outputs,
            **kwargs,
        )

    # Radii.

    @property
    def training_epsilon(self):
        """The radius while training, a scalar variable; may be set."""
        return self.bottom.training_epsilon

    @training_epsilon.setter
    def training_epsilon(self, value):
        value = check_epsilon(value, "training_epsilon")
        self.bottom.training_epsilon.assign(float32_up(value))

    @property
    def norm(self):
        """`2` or `"inf"`: in which norm inputs may be perturbed."""
        return self.bound.norm

    @property
    def classes(self):
        """The number of classes, without the bottom."""
        return self.output_shape[-1] - 1

    # Decisions.

    def certified_radius(self, x, batch_size=None):
        """The distance within which each prediction cannot change.

        Args:
            x: Inputs, as for `predict`.
            batch_size: As for `predict`.

        Returns:
            Float64 array `(samples,)`; zero where two classes tie.
        """
        return self.predict_certified(x, batch_size=batch_size).radius

    @kernels_computed()
    def predict_certified(self, x, batch_size=None):
        """Predicts with proof: a label for each input, or an abstention.

        Decides at the level of the certificate (`certify`), `"R"` where there
        was none: on the host, from an evaluation in float64.

        Args:
            x: Inputs, as for `predict`.
            batch_size: As for `predict`.

        Returns:
            `CertifiedPrediction(label, radius)`: the label is `-1` where the
            radius is not larger than `epsilon`.

        Raises:
            ValueError: Where it is not known how a layer rounds; names it.
        """
        self._ensure_proved()
        decide = self.bound.decider(self.certificate, self.epsilon)
        label, radius = decide(x, batch_size)
        label = np.where(radius > self.epsilon, label, ABSTAIN)
        return CertifiedPrediction(label, radius)

    def call(self, inputs, training=None, mask=None):
        # Left to choose, Keras' image augmentation trains, and tells Dropout.
        training = bool(training)
        if not training and is_concrete(inputs):
            self._ensure_certified()
        return super().call(inputs, training=training, mask=mask)

    # Saving.

    def export(
        self, filepath, format="tf_saved_model", verbose=None, *args, **kwargs
    ):
        """Exports as `keras.Model.export` does, and says with which bound.

        A graph holds constants of the certificate. Proofs for single inputs
        are made on the host: with `LocalLipschitz` it has the global bound.
        """
        bound = self.bound.exported()
        if self._kernels.variables or type(bound) is not type(self.bound):
            twin = plain_twin(self, bound)
            return twin.export(filepath, format, verbose, *args, **kwargs)
        self._ensure_proved()
        # Keras refuses ONNX to models that were never called, as after loading.
        self(self.inputs)
        super().export(filepath, format, verbose, *args, **kwargs)
        if verbose is not False:
            io_utils.print_msg(
                f"Its margins are bounded by {type(bound).__name__}, with "
                f"constants of level {self.certificate.level!r}."
            )

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "base": keras.saving.serialize_keras_object(self.base),
            "epsilon": self.epsilon,
            "bound": keras.saving.serialize_keras_object(self.bound),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("base", "bound"):
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects=custom_objects
            )
        return cls(**config)

    def save_own_variables(self, store):
        super().save_own_variables(store)
        if self.certificate is not None:
            text = self.certificate.to_json().encode()
            store["certificate"] = np.frombuffer(text, "uint8")

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.certificate = None
        if "certificate" in store.keys():
            text = np.asarray(store["certificate"], "uint8").tobytes()
            self.certificate = Certificate.from_json(text.decode())
