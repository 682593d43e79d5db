"""What the metrics count, each a boolean per sample.

Written with strict comparisons that a NaN fails, so that neither a tie nor a
NaN is ever counted in the network's favour.
"""

from keras import ops

from keras_lipschitz.ops.labels import class_indices


def is_correct(y_true, y_pred):
    """Whether the label has the largest logit (of equal ones the first)."""
    logits, _ = _split(y_pred)
    labels = class_indices(y_true, logits.shape[1])
    decision = ops.cast(ops.argmax(logits, axis=1), "int32")
    return (decision == labels) & _finite(logits)


def is_verified(y_true, y_pred):
    """Whether the label's logit is larger than all others and the bottom."""
    logits, bottom = _split(y_pred)
    classes = logits.shape[1]
    labels = class_indices(y_true, classes)
    is_label = ops.arange(classes, dtype="int32") == labels[:, None]
    logit = ops.max(ops.where(is_label, logits, -float("inf")), axis=1)
    largest = ops.all(is_label | (logits < logit[:, None]), axis=1)
    return largest & (bottom < logit) & _finite(logits)


def is_rejected(y_pred):
    """Whether no logit is larger than the bottom."""
    logits, bottom = _split(y_pred)
    accepted = (ops.max(logits, axis=1) > bottom) & _finite(logits)
    return ops.logical_not(accepted)


def _split(y_pred):
    y_pred = ops.convert_to_tensor(y_pred)
    return y_pred[:, :-1], y_pred[:, -1]


def _finite(logits):
    return ops.all(ops.isfinite(logits), axis=1)
