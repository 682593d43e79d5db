"""Layers that are not linear: Jacobians, and a search for violations."""

import keras
import numpy as np
from keras import ops
from linear_truth import gradient_in_input
from one_lipschitz_zoo import QUICK
from one_lipschitz_zoo import RESIDUAL
from one_lipschitz_zoo import parametrize


def evaluate(layer, x, **kwargs):
    y = layer(ops.convert_to_tensor(x.astype("float32")), **kwargs)
    return ops.convert_to_numpy(y).astype("float64").reshape(len(x), -1)


def jacobian_norms(layer, shape):
    """Norms of Jacobians at random points, by back-propagation."""
    random = np.random.default_rng(0)
    size = int(np.prod(shape))
    outputs = layer.compute_output_shape((1, *shape))[1:]
    rows = int(np.prod(outputs))
    count = max(4, 1000 // rows)
    x = 3.0 * random.normal(size=(count, *shape)).astype("float32")
    units = np.eye(rows, dtype="float32").reshape(rows, *outputs)
    gradients = gradient_in_input(
        layer,
        ops.convert_to_tensor(np.repeat(x, rows, axis=0)),
        np.tile(units, (count, *[1] * len(outputs))),
    )
    return np.linalg.norm(gradients.reshape(count, rows, size), 2, axis=(1, 2))


def largest_stretch(layer, shape, rounds=25, pairs=32):
    """A search for pairs of inputs that move apart fast."""
    random = np.random.default_rng(1)
    x = random.normal(size=(pairs, *shape))
    directions = random.normal(size=x.shape)
    best = 0.0
    for _ in range(rounds):
        flat = directions.reshape(pairs, -1)
        lengths = np.linalg.norm(flat, axis=1)
        ends = evaluate(layer, np.concatenate([x, x + directions]))
        moved = np.linalg.norm(ends[pairs:] - ends[:pairs], axis=1)
        stretch = moved / lengths
        best = max(best, stretch.max())
        order = np.argsort(-stretch)[: pairs // 4]
        chosen = np.tile(order, 4)
        x, directions = x[chosen], directions[chosen]
        x = x + 0.1 * random.normal(size=x.shape)
        directions = directions + 0.1 * random.normal(size=x.shape)
    return best


@parametrize(RESIDUAL)
def test_no_pair_moves_apart(case):
    layer_class, kwargs, shape = case
    layer = layer_class(**kwargs)
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    model.compile(keras.optimizers.Adam(0.03), "mse", **QUICK)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    y = np.ones((len(x), *model.output_shape[1:]), "float32")
    random = np.random.default_rng(2)
    for state in ("fresh", "trained", "set", "large"):
        if state == "trained":
            for _ in range(5):
                model.train_on_batch(x, y)
        if state in ("set", "large"):
            size = 1.0 if state == "set" else 1e3
            layer.set_weights(
                [size * random.normal(size=w.shape) for w in layer.weights]
            )
            if state == "large":
                # Angles and exponents are of ordinary size.
                for w in layer.weights:
                    if w.name == "log_q":
                        w.assign(random.normal(size=w.shape))
        constant = float(layer.lipschitz_constant())
        assert constant <= 1.0
        assert largest_stretch(layer, shape[1:]) <= 1 + 1e-4
        if state != "large":
            assert jacobian_norms(layer, shape[1:]).max() <= 1 + 1e-5
