"""What is promised holds after long training, at many points."""

import keras
import numpy as np
import pytest
from keras import ops
from linear_truth import gradient_in_input
from linear_truth import matrix_of
from one_lipschitz_zoo import LINEAR
from one_lipschitz_zoo import RESIDUAL

# The last case of each class.
LINEAR_LAYERS = {case[0].__name__: case[:3] for case in LINEAR}
RESIDUAL_LAYERS = {case[0].__name__: case[:3] for case in RESIDUAL}


@pytest.fixture(scope="module")
def trained():
    """Every layer after a hundred steps, each with a task of its own."""
    random = np.random.default_rng(0)
    layers, inputs, x = {}, [], []
    for name, (layer, kwargs, shape) in (
        LINEAR_LAYERS | RESIDUAL_LAYERS
    ).items():
        if name in LINEAR_LAYERS:
            kwargs = {**kwargs, "activation": None, "use_bias": False}
        layers[name] = layer(**kwargs)
        inputs.append(keras.Input(shape[1:]))
        x.append(random.normal(size=(4, *shape[1:])).astype("float32"))
    outputs = [
        layer(tensor)
        for layer, tensor in zip(layers.values(), inputs, strict=True)
    ]
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.03), "mse", jit_compile=False)
    y = [random.normal(size=(4, *t.shape[1:])) for t in outputs]
    for _ in range(100):
        model.train_on_batch(x, y)
    return layers


@pytest.mark.parametrize("name", sorted(LINEAR_LAYERS))
def test_norm_after_a_hundred_steps(trained, name):
    layer = trained[name]
    matrix = matrix_of(layer, layer.mapped_shape[1:])
    assert np.linalg.norm(matrix, 2) <= 1 + 1e-6


@pytest.mark.parametrize("name", sorted(RESIDUAL_LAYERS))
def test_jacobians_at_a_thousand_points(trained, name):
    layer, shape = trained[name], RESIDUAL_LAYERS[name][2][1:]
    outputs = layer.compute_output_shape((1, *shape))[1:]
    rows, size = int(np.prod(outputs)), int(np.prod(shape))
    units = np.eye(rows, dtype="float32").reshape(rows, *outputs)
    x = 3.0 * np.random.default_rng(1).normal(size=(1000, *shape))
    jacobians = gradient_in_input(
        layer,
        ops.convert_to_tensor(np.repeat(x, rows, axis=0).astype("float32")),
        np.tile(units, (1000, *[1] * len(outputs))),
    ).reshape(1000, rows, size)
    squares = jacobians @ jacobians.transpose(0, 2, 1)
    assert np.linalg.eigvalsh(squares).max() <= (1 + 1e-5) ** 2
