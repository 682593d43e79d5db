import keras

from keras_lipschitz.certification.fingerprint import fingerprint_of


class MarginBound(keras.layers.Layer):
    """How far the margin between two classes can move: base class.

    A margin bound is attached to one classifier. For a batch of logits and an
    anchor class for each sample it answers the slack: how much larger
    `f_i - f_anchor` can become when the input moves by at most `epsilon`. The
    model, the losses and the metrics are functions of logits and slack and do
    not know which bound gave it.

    A bound exists in two strengths. With `training=True` it is an estimate:
    differentiable and cheap, and never a certificate. With `training=False` it
    speaks of exactly these weights: a bound that needs numbers of the host
    takes them from the certificate that it was told to `keep`, and where there
    is none the slack is infinite, so nothing is certified.

    A bound is global where one table of constants serves every input, the
    `margin_constants` of its certificate; otherwise it looks at each input.
    What is proved on the host is up to the bound: `certify` says what holds of
    the weights, `decider` what holds of inputs.

    Attributes:
        per_sample: Whether the bound looks at the inputs.
        bounds_margins: Whether it bounds margins themselves, by a method
            `worst_margins`, and slack is what the logits leave of them.
        norm: The norm of the input's perturbation, `2` or `"inf"`.
        graph: The `Graph` of the classifier, from `attach` on.
    """

    per_sample = False
    bounds_margins = False
    norm = 2

    def __init__(self, **kwargs):
        # Bounds are computed in float32 whatever the model's policy.
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def attach(self, base):
        """Reads the graph of a classifier and creates the state it needs.

        Sets `self.graph` and, at its end, `self.built = True`.

        Args:
            base: A built Keras model that ends in logits.

        Raises:
            ValueError: Where a bound cannot be given; names the layer.
        """
        raise NotImplementedError

    def call(self, logits, anchor, epsilon, training=False, inputs=None):
        """The slack of every class against the anchor.

        Args:
            logits: Tensor `(batch, classes)`.
            anchor: Integer tensor `(batch,)`.
            epsilon: Scalar tensor, in units of the model's input.
            training: Whether to use (and advance) the estimate.
            inputs: Tensor `(batch, ...)`, what the classifier read.

        Returns:
            Tensor `(batch, classes)`; what it says of the anchor itself is not
            used.
        """
        raise NotImplementedError

    def slack(self, logits, anchor, epsilon, training=False, inputs=None):
        """The slack for losses: as `call`, but no state advances.

        Within one training step, `call` has seen the batch before. A bound
        whose `call` changes nothing need not override it. Where the slack that
        `call` returns carries (`ops.carried`) a value that can be asked for
        `slack(anchor)` and `logit_slack()`, as a `Reach` can, losses at the
        model's own radius ask that and nothing is computed twice.

        Args:
            logits: Tensor `(batch, classes)`.
            anchor: Integer tensor `(batch,)`.
            epsilon: Scalar tensor, in units of the model's input.
            training: Whether to use the estimate.
            inputs: Tensor `(batch, ...)`, what the classifier read.

        Returns:
            Tensor `(batch, classes)`.
        """
        return self(logits, anchor, epsilon, training=training, inputs=inputs)

    def logit_slack(self, logits, epsilon, training=False, inputs=None):
        """How far each logit by itself can move: an estimate, for losses.

        Args:
            logits: Tensor `(batch, classes)`.
            epsilon: Scalar tensor, in units of the model's input.
            training: Whether the model trains.
            inputs: Tensor `(batch, ...)`, what the classifier read.

        Returns:
            Tensor `(batch, classes)`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} bounds margins, not logits one by one."
        )

    def radius(self, logits, training=False, inputs=None, compared_with=None):
        """The certified radius of every sample.

        Args:
            logits: Tensor `(batch, classes)`.
            training: Whether to use the estimate.
            inputs: Tensor `(batch, ...)`, what the classifier read.
            compared_with: Numbers, or `None`. Where they are given it only
                matters which of them the radius exceeds: a bound that searches
                for the radius need not.

        Returns:
            Tensor `(batch,)`.
        """
        raise NotImplementedError

    def exported(self):
        """A new bound, not attached: what the graph of an export computes.

        Of the same kind where that needs no host.
        """
        return type(self).from_config(self.get_config())

    # On the host.

    def fingerprint(self):
        """SHA-256 of everything that decides what the classifier computes."""
        return fingerprint_of(self.graph.model, self.graph)

    def certify(self, level="R"):
        """What holds of the present weights, computed in float64.

        Args:
            level: One of `keras_lipschitz.certification.LEVELS`.

        Returns:
            A `Certificate` with the present `fingerprint()`.
        """
        raise NotImplementedError

    def holds(self, certificate):
        """Whether a certificate is of this bound and of the present weights."""
        return (
            certificate.bound == type(self).__name__
            and certificate.norm == self.norm
            and certificate.weights == self.fingerprint()
        )

    def keep(self, certificate):
        """Makes a certificate of the present weights count at inference.

        Args:
            certificate: A `Certificate` that `certify` returned.
        """

    def void(self):
        """Forgets the kept certificate: the weights are about to change."""

    def decider(self, certificate, epsilon):
        """Decides on the host, at the level of a certificate.

        Args:
            certificate: A `Certificate` of the present weights.
            epsilon: Float, the radius that is asked for. Where radii are
                searched for, those of samples that are certified at `epsilon`
                have to be found larger than it.

        Returns:
            A function `(x, batch_size) -> (labels, radii)`, with `x` and
            `batch_size` as for `keras.Model.predict`: an integer array
            `(samples,)`, and a float64 array `(samples,)`, zero where nothing
            is proved. A prediction counts as certified where its radius is
            larger than `epsilon`.
        """
        raise NotImplementedError
