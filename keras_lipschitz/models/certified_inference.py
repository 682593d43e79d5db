import keras

from keras_lipschitz.certification.rounding import float32_up
from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    computing_layers,
)
from keras_lipschitz.layers.one_lipschitz.stored_kernels import StoredKernels
from keras_lipschitz.layers.one_lipschitz.stored_kernels import kernels_computed
from keras_lipschitz.models.checks import check_epsilon
from keras_lipschitz.models.checks import check_finite
from keras_lipschitz.models.checks import check_labels
from keras_lipschitz.models.margin_training import MarginTraining


class CertifiedInference(MarginTraining):
    """Inference with what the host has proved of the present weights.

    Margin constants and computed kernels are made once for given weights. They
    are compared with the weights before anything is evaluated with them, after
    the callbacks that change weights for an evaluation, as
    `keras.callbacks.SwapEMAWeights` does.

    Args:
        base: The classifier.
        bound: The `MarginBound` that is attached to it.
        bottom: Its `BottomLogit`.
        epsilon: Float, the radius that is certified.
        **kwargs: As for `keras.Model`.
    """

    def __init__(self, base, bound, bottom, epsilon, **kwargs):
        super().__init__(**kwargs)
        self.base = base
        self.bound = bound
        self.bottom = bottom
        self.certificate = None
        self._epsilon = epsilon
        self._fitting = False
        self._kernels = StoredKernels(computing_layers(base))

    @property
    def epsilon(self):
        """The radius that is certified, a float; may be set."""
        return self._epsilon

    @epsilon.setter
    def epsilon(self, value):
        self._epsilon = check_epsilon(value)
        self._assign_epsilon()

    def _assign_epsilon(self):
        self.bottom.epsilon.assign(float32_up(self._epsilon))

    def fingerprint(self):
        """SHA-256 of everything that decides what `base` computes."""
        return self.bound.fingerprint()

    @kernels_computed()
    def certify(self, level="R"):
        """Computes the margin constants of the present weights and keeps them.

        Runs on the host in float64.

        Args:
            level: What `predict_certified` proves. `"R"`: decisions of the
                network in exact arithmetic; every norm is a proven upper
                bound, rounding included. `"F64"` and `"F32"`: decisions of
                every evaluation in float64, or in float32 on a CPU, whatever
                the order of its operations. `"estimate"`: nothing; norms are
                approached from below, which is faster.

        Returns:
            A `Certificate`; prints as a table by layer.

        Raises:
            ValueError: Where a weight is NaN or infinite, or the arithmetic of
                the level cannot be bounded; says why.
        """
        check_finite(self.base)
        self._keep(self.bound.certify(level))
        return self.certificate

    def _keep(self, certificate):
        self.certificate = certificate
        self.bound.keep(certificate)
        self._kernels.store(certificate.weights)

    @kernels_computed()
    def _ensure_certified(self):
        """Certifies anew unless the certificate is of exactly these weights."""
        if hasattr(self, "jax_state_sync"):
            self.jax_state_sync()
        # The variable may have come with the weights of another model.
        self._assign_epsilon()
        if self.certificate is None or not self.bound.holds(self.certificate):
            self.certify(level="estimate" if self._fitting else "R")
        else:
            self._keep(self.certificate)

    def _ensure_proved(self):
        """The same, where `fit` would be content with an estimate."""
        self._ensure_certified()
        if self._fitting and self.certificate.level == "estimate":
            self.certify()

    def lipschitz_constants(self):
        """The norm of every layer, as certified for the present weights.

        While `fit` runs, unless something was proved of them, estimates.

        Returns:
            `LayerNorms`: a tuple of `LayerNorm`, which prints as a table.
        """
        self._ensure_certified()
        return self.certificate.layers

    @property
    def variables(self):
        # Compiled functions read the kernels, which no file needs.
        kernels = getattr(self, "_kernels", None)
        return [*super().variables, *(kernels.variables if kernels else ())]

    def fit(self, x=None, y=None, *args, **kwargs):
        check_labels(y, self.classes)
        self._fitting = True
        try:
            return super().fit(x, y, *args, **kwargs)
        finally:
            self._fitting = False
            # What validation used was an estimate.
            self.certificate = None
            self.bound.void()

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        check_labels(y, self.classes)
        return super().evaluate(
            x,
            y,
            batch_size=batch_size,
            verbose=verbose,
            sample_weight=sample_weight,
            steps=steps,
            callbacks=_certifying_last(callbacks, self),
            return_dict=return_dict,
            **kwargs,
        )

    def predict(
        self, x, batch_size=None, verbose="auto", steps=None, callbacks=None
    ):
        return super().predict(
            x,
            batch_size=batch_size,
            verbose=verbose,
            steps=steps,
            callbacks=_certifying_last(callbacks, self),
        )

    def test_on_batch(self, *args, **kwargs):
        self._ensure_certified()
        return super().test_on_batch(*args, **kwargs)

    def predict_on_batch(self, *args, **kwargs):
        self._ensure_certified()
        return super().predict_on_batch(*args, **kwargs)

    # Only the steps read stored kernels, no callback around them.

    def test_step(self, *args, **kwargs):
        with self._kernels.used():
            return super().test_step(*args, **kwargs)

    def predict_step(self, *args, **kwargs):
        with self._kernels.used():
            return super().predict_step(*args, **kwargs)


def _certifying_last(callbacks, model):
    """The callbacks, and behind them one that certifies as it begins."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        # That of `fit`, which validates more than once.
        if not any(
            isinstance(c, _Certify) and c.model is model
            for c in callbacks.callbacks
        ):
            callbacks.callbacks.append(_Certify(model))
        return callbacks
    return [*keras.tree.flatten(callbacks or []), _Certify(model)]


class _Certify(keras.callbacks.Callback):
    """Certifies anew where callbacks before it have changed weights."""

    def __init__(self, model):
        super().__init__()
        self.set_model(model)

    def on_test_begin(self, logs=None):
        self.model._ensure_certified()

    def on_predict_begin(self, logs=None):
        self.model._ensure_certified()
