"""From logits and slack to the bottom logit, decisions and radii.

`constants[i, j]` bounds how fast `f_i - f_j` can grow: the slack of a pair at
`epsilon` is `epsilon * constants[i, j]`. Tables are symmetric, and their
diagonal is never used.
"""

from keras import ops

# Smallest normal float32: keeps "unknown" (infinity) above every finite logit
# even at epsilon = 0, where 0 * inf would be NaN.
SMALLEST_EPSILON = 1.1754944e-38


def pairwise_distances(rows):
    """`||w_i - w_j||_2` of all pairs of rows; the diagonal is zero.

    Differentiable everywhere: where two rows are equal the gradient is zero.
    """
    same = ops.eye(ops.shape(rows)[0], dtype="bool")
    gram = ops.matmul(rows, ops.transpose(rows))
    # Not `ops.diagonal`, whose gradient torch.compile gets wrong here.
    squares = ops.sum(ops.where(same, gram, 0.0), axis=1)
    squared = squares[:, None] + squares[None, :] - 2.0 * gram
    return _root(squared, (squared > 0.0) & ~same)


def pairwise_absolute_distances(rows):
    """`||w_i - w_j||_1` of all pairs of rows."""
    return ops.sum(ops.abs(rows[:, None] - rows[None]), axis=-1)


def row_norms(rows):
    """`||w_i||_2` of all rows, differentiable everywhere."""
    squared = ops.sum(ops.square(rows), axis=1)
    return _root(squared, squared > 0.0)


def _root(squared, positive):
    """The root where a number is positive, else zero with gradient zero."""
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def predicted_class(logits):
    """Index of the largest logit, the first of several.

    `ops.argmax` of floats looks at the bits of zeros, for which ONNX and
    LiteRT have no operation; of whether a logit is the largest, it does not.
    """
    largest = ops.max(logits, axis=1, keepdims=True)
    return ops.argmax(ops.cast(logits == largest, "int32"), axis=1)


def bottom_logit(logits, slack, anchor):
    """The largest logit that another class can reach against the anchor.

    `max over i != anchor of (f_i + slack_i)`. Only the anchor's index is left
    out, so a tie with the anchor is never certified.

    Args:
        logits: Tensor `(batch, classes)`.
        slack: Tensor `(batch, classes)`, how far `f_i - f_anchor` can grow.
        anchor: Integer tensor `(batch,)`.

    Returns:
        Tensor `(batch, 1)`.
    """
    is_anchor = ops.arange(ops.shape(logits)[1]) == anchor[:, None]
    return ops.max(
        ops.where(is_anchor, -float("inf"), logits + slack),
        axis=1,
        keepdims=True,
    )


def certified_radius(logits, constants):
    """The largest radius at which no class can reach the predicted one.

    `min over i != j of (f_j - f_i) / constants[i, j]` with `j = argmax f`; zero
    for a tie, infinite where nothing can move the margin.

    Args:
        logits: Tensor `(batch, classes)`.
        constants: Tensor `(classes, classes)`.

    Returns:
        Tensor `(batch,)`.
    """
    anchor = predicted_class(logits)
    is_anchor = ops.arange(ops.shape(logits)[1]) == anchor[:, None]
    margin = ops.max(logits, axis=1, keepdims=True) - logits
    rates = ops.take(constants, anchor, axis=0)
    movable = rates > 0.0
    radius = ops.where(
        movable,
        margin / ops.where(movable, rates, 1.0),
        ops.where(margin > 0.0, float("inf"), 0.0),
    )
    return ops.min(ops.where(is_anchor, float("inf"), radius), axis=1)


def rows_of(table, index):
    """Rows of a finite table; their gradient is a product, not a scatter."""
    return ops.matmul(ops.one_hot(index, table.shape[0]), table)
