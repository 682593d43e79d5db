"""Labels, sparse or one-hot."""

from keras import ops


def class_indices(y_true, classes):
    """Class indices from sparse or one-hot labels.

    Args:
        y_true: Labels of shape `(batch,)`, `(batch, 1)` or
            `(batch, classes)`.
        classes: Integer, the number of classes.

    Returns:
        Int32 tensor `(batch,)`.
    """
    y_true = ops.convert_to_tensor(y_true)
    shape = tuple(y_true.shape)
    if len(shape) == 2 and shape[1] == classes:
        return ops.cast(ops.argmax(y_true, axis=1), "int32")
    if len(shape) == 2 and shape[1] == 1:
        return ops.cast(y_true[:, 0], "int32")
    if len(shape) == 1:
        return ops.cast(y_true, "int32")
    raise ValueError(
        f"Expected labels of shape (batch,), (batch, 1) or (batch, {classes})."
        f" Received: labels of shape {shape}"
    )


def mark_unknown(values, labels, classes):
    """`values`, with NaN where a label is not a class.

    Compiled code cannot raise; a loss of NaN is seen, a plausible one is not.
    """
    known = (labels >= 0) & (labels < classes)
    return ops.where(known, values, float("nan"))
