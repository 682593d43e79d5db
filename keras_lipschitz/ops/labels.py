"""Labels, sparse or one-hot.

Compiled code cannot raise for a label that is no class, so it is made visible
instead: losses give NaN for it, and metrics never count it as right.
"""

from keras import ops

UNKNOWN = -1


def class_indices(y_true, classes):
    """Class indices from sparse or one-hot labels.

    Args:
        y_true: Labels of shape `(batch,)`, `(batch, 1)` or
            `(batch, classes)`.
        classes: Integer, the number of classes.

    Returns:
        Int32 tensor `(batch,)`; `-1` for a label that is no class.
    """
    y_true = ops.convert_to_tensor(y_true)
    if _is_sparse(y_true, classes):
        labels = ops.reshape(y_true, (-1,))
        indices = ops.cast(labels, "int32")
        # The cast must be exact: no NaN, no fraction, no overflow.
        known = ops.cast(indices, labels.dtype) == labels
        known = known & (indices >= 0) & (indices < classes)
    else:
        rows = ops.cast(y_true, "float32")
        indices = ops.cast(ops.argmax(rows, axis=1), "int32")
        known = ops.max(rows, axis=1) > 0.0
    return ops.where(known, indices, UNKNOWN)


def class_probabilities(y_true, classes):
    """Probabilities of the classes from sparse, one-hot or soft labels.

    Args:
        y_true: Labels of shape `(batch,)`, `(batch, 1)` or
            `(batch, classes)`.
        classes: Integer, the number of classes.

    Returns:
        Float32 tensor `(batch, classes)`; a row of NaN for a label that is no
        class.
    """
    y_true = ops.convert_to_tensor(y_true)
    if _is_sparse(y_true, classes):
        indices = class_indices(y_true, classes)
        y_true = ops.arange(classes, dtype="int32") == indices[:, None]
    rows = ops.cast(y_true, "float32")
    known = ops.sum(rows, axis=1, keepdims=True) > 0.0
    return ops.where(known, rows, float("nan"))


def _is_sparse(y_true, classes):
    shape = tuple(y_true.shape)
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return True
    if len(shape) == 2 and shape[1] == classes:
        return False
    raise ValueError(
        f"Expected labels of shape (batch,), (batch, 1) or (batch, {classes})."
        f" Received: labels of shape {shape}"
    )
