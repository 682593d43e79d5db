"""The terms of which the losses are sums, each a value per sample.

Notation: logits `f`, bottom logit `b`, `p = softmax(f)` and `q` the softmax of
the outputs `[f, b]`. With `L = logsumexp(f)` the bottom's share has the closed
form `-log(1 - q_b) = softplus(b - L)`, so no softmax of the bottom is needed,
and every term stays finite, with finite gradients, for finite logits however
large and for `b = -inf`; for `b = inf` its value is infinite and its gradient
finite.
"""

from keras import ops


def split_outputs(y_pred):
    """Logits and bottom logit, shifted so that the largest logit is zero.

    No term changes when all outputs are shifted alike, so the shift carries no
    gradient.
    """
    logits, bottom = y_pred[:, :-1], y_pred[:, -1]
    largest = ops.stop_gradient(ops.max(logits, axis=1))
    return logits - largest[:, None], bottom - largest


def log_partition(logits):
    """`L = log(sum_i exp(f_i))`, for shifted logits."""
    return ops.log(ops.sum(ops.exp(logits), axis=1))


def crossentropy(probabilities, logits, partition):
    """`-sum_i t_i log p_i = sum_i t_i (L - f_i)` for targets `t`."""
    surprise = partition[:, None] - logits
    # A class of no weight may have an infinite surprise.
    weighted = ops.where(probabilities == 0.0, 0.0, probabilities * surprise)
    return ops.sum(weighted, axis=1)


def entropy(logits, partition):
    """`-sum_i p_i log p_i`."""
    return crossentropy(ops.exp(logits - partition[:, None]), logits, partition)


def rejection(bottom, partition):
    """`-log(1 - q_b) = softplus(b - L)`, and the divergence `KL(p, 0 || q)`."""
    return ops.softplus(bottom - partition)
