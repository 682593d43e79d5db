"""The convolutional form against patches that are cut out in NumPy."""

import math

import distance_gradients
import numpy as np
import pytest
import slow_distances

from keras_lipschitz.ops import lp_distance_conv2d


def images_first(x):
    return np.moveaxis(x, -1, 1)


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "image, kernel, strides, padding, data_format",
    [
        # Broadcast, one block.
        ((5, 6, 2), (3, 2, 2, 4), (2, 1), "same", "channels_first"),
        ((5, 6, 2), (2, 3, 2, 4), 1, "valid", "channels_last"),
        # Tiles, blocks of a few images.
        ((16, 16, 3), (3, 3, 3, 70), 1, "same", "channels_last"),
    ],
)
def test_value_and_gradient(image, kernel, strides, padding, data_format):
    random = np.random.default_rng(0)
    x = random.normal(size=(9, *image)).astype("float32")
    w = random.normal(size=kernel).astype("float32")
    pair = (strides, strides) if isinstance(strides, int) else strides
    rows = slow_distances.patches(x, kernel[:2], pair, padding)
    flat = rows.reshape(-1, rows.shape[-1]), w.reshape(-1, kernel[-1])
    g = random.normal(size=(*rows.shape[:3], kernel[-1])).astype("float32")
    first = data_format == "channels_first"

    run = distance_gradients.differentiable(
        lambda x, w, p: lp_distance_conv2d(
            x, w, p, strides, padding, data_format, training=True
        )
    )
    for p in (8.0, math.inf):
        arrays = (images_first(g), images_first(x)) if first else (g, x)
        y, (dx, dw, _) = run(*arrays, w, np.float32(p))
        truth = slow_distances.value(*flat, p).reshape(g.shape)
        expected = images_first(truth) if first else truth
        np.testing.assert_allclose(y, expected, rtol=1e-6)

        slopes, dw_truth = slow_distances.gradients(
            *flat, p, g.reshape(-1, kernel[-1])
        )
        # Patches are linear in the image: a gradient is tested along random
        # directions.
        for _ in range(3):
            direction = random.normal(size=x.shape)
            moved = slow_distances.patches(direction, kernel[:2], pair, padding)
            along = images_first(direction) if first else direction
            np.testing.assert_allclose(
                (dx * along).sum(),
                (slopes * moved.reshape(slopes.shape)).sum(),
                rtol=1e-4,
                atol=1e-4 * np.abs(slopes).max(),
            )
        error = distance_gradients.relative_error(
            dw.reshape(dw_truth.shape), dw_truth
        )
        assert error < 1e-4


@pytest.mark.parametrize(
    "image, kernel, padding, message",
    [
        ((5, 5, 2), (3, 3, 4, 2), "same", "as many channels as the images"),
        ((5, 5, 2), (6, 6, 2, 2), "valid", "no smaller than the kernel"),
        ((5, 5, 2), (3, 3, 2, 2), "full", "'valid' or 'same'"),
        ((5, 2), (3, 3, 2, 2), "same", "images of known height and width"),
    ],
)
def test_refuses_what_does_not_fit(image, kernel, padding, message):
    with pytest.raises(ValueError, match=message):
        lp_distance_conv2d(
            np.ones((1, *image), "float32"), np.ones(kernel), 8, 1, padding
        )
