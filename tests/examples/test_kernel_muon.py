import pathlib
import types

import keras
import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture
def kernel_muon(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import kernel_muon

    return kernel_muon.KernelMuon


@pytest.mark.multi_backend
@pytest.mark.parametrize("shape", [(3, 3, 2, 5), (12, 4), (4, 12)])
def test_kernels_move_by_orthogonal_matrices(kernel_muon, shape):
    rng = np.random.default_rng(0)
    variable = keras.Variable(np.zeros(shape, "float32"), name="kernel")
    optimizer = kernel_muon(0.1, weight_decay=None)
    optimizer.build([variable])
    optimizer.apply(
        [keras.ops.convert_to_tensor(rng.normal(size=shape), "float32")]
    )
    moved = keras.ops.convert_to_numpy(variable).reshape(-1, shape[-1])
    norms = np.linalg.svd(moved, compute_uv=False)
    # Five Newton-Schulz steps bring singular values between 0.7 and 1.2.
    expected = 0.1 * 0.2 * max(moved.shape) ** 0.5
    assert norms.max() < 1.3 * expected and norms.min() > 0.6 * expected


@pytest.mark.multi_backend
def test_biases_and_excluded_layers_are_left_to_adam(kernel_muon):
    bias = keras.Variable(np.zeros(3, "float32"), name="bias")
    head = keras.Variable(np.zeros((3, 2), "float32"), name="logits")
    optimizer = kernel_muon(
        0.1, weight_decay=None, adam_weight_decay=None, exclude_layers=["log"]
    )
    optimizer.build([bias, head])
    gradients = [np.array([1.0, -5.0, 9.0]), np.arange(6).reshape(3, 2) + 1.0]
    optimizer.apply(
        [keras.ops.convert_to_tensor(g, "float32") for g in gradients]
    )
    # The first step of Adam: the sign of the gradient.
    for variable, gradient in zip((bias, head), gradients, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(variable),
            -0.1 * np.sign(gradient),
            rtol=1e-4,
        )


def test_an_unknown_optimizer_of_a_recipe_is_an_error(kernel_muon):
    import kernel_muon as module

    recipe = types.SimpleNamespace(optimizer="sgd", learning_rate=(1e-3, 0.0))
    with pytest.raises(ValueError, match="Received: 'sgd'"):
        module.optimizer_of(recipe)
