"""What losses that are anchored at the label are made of.

Notation: logits `f`, label `y`, margins `z_i = f_i - f_y`, and slack `s_i`:
how far `z_i` can grow within the radius. Outputs `u` are compared with the
label as logits are.
"""

from keras import ops

# A slack under it counts as it: nothing is divided by zero.
SMALLEST_SLACK = 1e-30


def margins(logits, is_label):
    """`z_i = f_i - f_y`, never positive where the label wins."""
    return logits - of_label(logits, is_label)


def of_label(values, is_label):
    """The entry of the label, as a column."""
    return ops.sum(ops.where(is_label, values, 0.0), axis=1, keepdims=True)


def crossentropy(outputs, is_label):
    """`logsumexp(u) - u_y` of every sample, finite for finite outputs."""
    surplus = margins(outputs, is_label)
    # The label's own surplus is zero, so the largest is not negative.
    largest = ops.stop_gradient(ops.max(surplus, axis=1, keepdims=True))
    total = ops.sum(ops.exp(surplus - largest), axis=1)
    return ops.log(total) + largest[:, 0]


def generalized_crossentropy(outputs, is_label, q):
    """`(1 - p_y^q) / q` of every sample, and the cross-entropy at `q = 0`."""
    # So near to zero the two are the same in float32.
    q = ops.maximum(ops.cast(q, outputs.dtype), 1e-9)
    return -ops.expm1(-q * crossentropy(outputs, is_label)) / q


def emma_outputs(logits, slack, is_label, floor):
    """`z_i + t_i s_i` with the share `t_i = clip(-z_i / s_i, floor, 1)`.

    The share is a constant: gradients reach logits and slack.
    """
    z = margins(logits, is_label)
    share = ops.clip(-z / ops.maximum(slack, SMALLEST_SLACK), floor, 1.0)
    return ops.where(is_label, 0.0, z + ops.stop_gradient(share) * slack)
