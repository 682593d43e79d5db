"""Scaling: its constant is read from its weight."""

import keras
import numpy as np
import pytest
from keras import ops
from linear_truth import gradient_in_variable

from keras_lipschitz.layers import Scaling


@pytest.mark.multi_backend
@pytest.mark.parametrize("alpha", [-2.5, 0.0, 1e-6, 3.0])
def test_constant_is_the_size_of_the_number(alpha):
    layer = Scaling(keras.initializers.Constant(alpha))
    y = layer(np.array([[1.0, -2.0]], "float32"))
    np.testing.assert_allclose(
        ops.convert_to_numpy(y), [[alpha, -2 * alpha]], rtol=1e-6
    )
    assert float(layer.lipschitz_constant()) == np.float32(abs(alpha))
    gradient = gradient_in_variable(layer.lipschitz_constant, layer.scale)
    # At zero every slope between -1 and 1 is a gradient.
    assert gradient == np.sign(alpha) or (alpha == 0 and abs(gradient) <= 1)


@pytest.mark.multi_backend
def test_needs_no_iterate_and_no_fixed_size():
    layer = Scaling()
    layer(keras.Input((None, None, 3)))
    assert len(layer.weights) == 1
    assert float(layer.lipschitz_constant()) == 1.0


def test_passes_the_mask_on():
    x = keras.layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    mask = Scaling()(x)._keras_mask
    np.testing.assert_array_equal(ops.convert_to_numpy(mask), [[True, False]])


def test_unbuilt_layer_is_refused():
    with pytest.raises(ValueError, match="before it is built"):
        Scaling().lipschitz_constant()
