import dataclasses

import numpy as np
from keras import ops

from keras_lipschitz.evaluation.gradients import value_and_gradient

# Keeps quotients of distances away from rounding.
_SMALLEST_DISTANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class LipschitzLowerBounds:
    """How fast margins were seen to move, beside how fast they can.

    The margin is that of each sample's predicted class over its runner-up.

    Args:
        upper: The certified constant of the pair of classes for which
            `global_lower` was found.
        global_lower: The largest quotient `|m(a) - m(b)| / ||a - b||` found
            between any two inputs.
        local_lower: The mean, over samples, of the largest quotient found
            between two inputs within `epsilon` of the sample.
        upper_mean: The mean, over samples, of the certified constants of the
            same pairs.
        samples: How many samples were searched from.
    """

    upper: float
    global_lower: float
    local_lower: float
    upper_mean: float
    samples: int

    @property
    def tightness(self):
        """`global_lower / upper`: 1 where the global bound is exact."""
        return self.global_lower / self.upper if self.upper else 1.0


def lipschitz_lower_bounds(
    model, x, epsilon=None, steps=200, learning_rate=1e-2, seed=0
):
    """Searches for inputs between which the margins move fast.

    Gradient ascent (Adam) on `|m(a) - m(b)| / ||a - b||_2`, once over all
    inputs and once within balls around the samples. What is found is attained,
    so the first is a lower bound of the global Lipschitz constant, and the
    second of the mean local one.

    Args:
        model: A `GloroModel`.
        x: Array of samples to start from, two or more.
        epsilon: Number, radius of the balls. Defaults to that of the model.
        steps: Integer, steps of the ascent.
        learning_rate: Number, of Adam, in units of the input.
        seed: Integer.

    Returns:
        `LipschitzLowerBounds`.

    Example:

    ```python
    bounds = keras_lipschitz.evaluation.lipschitz_lower_bounds(
        model, x_test[:200])
    print(bounds.upper, bounds.global_lower, bounds.local_lower)
    ```

    Reference:
        - [Leino et al., Globally-Robust Neural Networks, ICML 2021](
          https://arxiv.org/abs/2102.08452)
    """
    x = np.asarray(x, "float32")
    if len(x) < 2 or steps < 1:
        raise ValueError(
            "Expected two samples or more, and one step or more. Received: "
            f"{len(x)} samples, steps={steps!r}"
        )
    if model.norm != 2:
        raise ValueError(
            "Lower bounds are sought in the l2 norm. Expected a model with "
            f"norm=2. Received: norm={model.norm!r}"
        )
    epsilon = model.epsilon if epsilon is None else epsilon
    outputs = model.predict(x, verbose=0)[:, :-1]
    pairs = np.argsort(outputs, axis=1)[:, :-3:-1].astype("int32")
    uppers = model.certificate.margin_constants[pairs[:, 0], pairs[:, 1]]
    quotient = value_and_gradient(_quotient(model.base, pairs))
    rng = np.random.default_rng(seed)
    everywhere = _ascend(
        quotient, x, rng.permutation(x), lambda z: z, steps, learning_rate
    )
    best = int(np.argmax(everywhere))

    def into_balls(z):
        return x + _shortened(z - x, epsilon)

    noise = rng.normal(size=(2, *x.shape))
    a, b = (into_balls(x + epsilon * _directions(n)) for n in noise)
    # Steps of the size of the ball: it is what there is to search.
    local_rate = min(learning_rate, epsilon / 10)
    nearby = _ascend(quotient, a, b, into_balls, steps, local_rate)
    return LipschitzLowerBounds(
        upper=float(uppers[best]),
        global_lower=float(everywhere[best]),
        local_lower=float(nearby.mean()),
        upper_mean=float(uppers.mean()),
        samples=len(x),
    )


def _quotient(network, pairs):
    """From the points `(2 batch, ...)`, `a` first, to the quotients."""
    half = len(pairs)
    top, other = (np.tile(pairs[:, i], 2)[:, None] for i in (0, 1))

    def quotient(points):
        logits = ops.cast(network(points, training=False), "float32")
        margin = ops.take_along_axis(logits, top, axis=1)
        margin = margin - ops.take_along_axis(logits, other, axis=1)
        rise = ops.abs(margin[:half, 0] - margin[half:, 0])
        way = ops.reshape(points[:half] - points[half:], (half, -1))
        squared = ops.sum(ops.square(way), axis=1)
        return rise / ops.sqrt(ops.maximum(squared, _SMALLEST_DISTANCE**2))

    return quotient


def _ascend(quotient, a, b, project, steps, learning_rate):
    """The largest quotient seen for each pair, by Adam."""
    points = np.concatenate([a, b]).astype("float32")
    first, second = np.zeros_like(points), np.zeros_like(points)
    best = np.zeros(len(a))
    for step in range(1, steps + 1):
        values, gradient = quotient(points)
        best = np.maximum(best, np.nan_to_num(values))
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        move = (first / (1 - 0.9**step)) / (
            np.sqrt(second / (1 - 0.999**step)) + 1e-12
        )
        points = points + learning_rate * move
        points = np.concatenate(
            [project(points[: len(a)]), project(points[len(a) :])]
        ).astype("float32")
    return np.maximum(best, np.nan_to_num(quotient(points)[0]))


def _directions(noise):
    lengths = np.sqrt((noise**2).reshape(len(noise), -1).sum(axis=1))
    return noise / lengths.reshape(-1, *[1] * (noise.ndim - 1))


def _shortened(moves, length):
    """Moves no longer than `length`."""
    lengths = np.sqrt((moves**2).reshape(len(moves), -1).sum(axis=1))
    factors = length / np.maximum(lengths, length)
    return moves * factors.reshape(-1, *[1] * (moves.ndim - 1))
