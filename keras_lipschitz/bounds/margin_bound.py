import keras


class MarginBound(keras.layers.Layer):
    """How far the margin between two classes can move: base class.

    A margin bound is attached to one classifier. For a batch of logits and an
    anchor class for each sample it answers the slack: how much larger
    `f_i - f_anchor` can become when the input moves by at most `epsilon`. The
    model, the losses and the metrics are functions of logits and slack and do
    not know which bound gave it.

    A bound exists in two strengths. With `training=True` it is an estimate:
    differentiable and cheap, and never a certificate. With `training=False` it
    comes from the stored certificate of exactly these weights; where there is
    none the slack is infinite, so nothing is certified.
    """

    def __init__(self, **kwargs):
        # Bounds are computed in float32 whatever the model's policy.
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def attach(self, base):
        """Reads the graph of a classifier and creates the state it needs.

        Args:
            base: A built Keras model that ends in logits.

        Raises:
            ValueError: Where a bound cannot be given; names the layer.
        """
        raise NotImplementedError

    def call(self, logits, anchor, epsilon, training=False):
        """The slack of every class against the anchor.

        Args:
            logits: Tensor `(batch, classes)`.
            anchor: Integer tensor `(batch,)`.
            epsilon: Scalar tensor, in units of the model's input.
            training: Whether to use (and advance) the estimate.

        Returns:
            Tensor `(batch, classes)`.
        """
        raise NotImplementedError

    def radius(self, logits, training=False):
        """The certified radius of every sample.

        Args:
            logits: Tensor `(batch, classes)`.
            training: Whether to use the estimate.

        Returns:
            Tensor `(batch,)`.
        """
        raise NotImplementedError
