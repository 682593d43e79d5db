"""Layers that are linear maps: their constant is the norm of their matrix."""

import keras
import numpy as np
import pytest
from brute_force import BELOW
from brute_force import PRECISE
from brute_force import bound_of_layer
from brute_force import infer
from brute_force import matrix_of
from brute_force import norm
from brute_force import randomise
from keras import layers
from keras import ops

from keras_lipschitz.propagation.registry import linear_map_of

LINEAR = [
    (lambda **kw: layers.Dense(5, **kw), (4,)),
    (lambda **kw: layers.Dense(5, **kw), (2, 3)),
    (lambda **kw: layers.Conv1D(3, 3, **kw), (7, 2)),
    (lambda **kw: layers.Conv1D(3, 3, padding="causal", **kw), (7, 2)),
    (
        lambda **kw: layers.Conv1D(
            2, 4, padding="causal", dilation_rate=2, **kw
        ),
        (9, 2),
    ),
    (lambda **kw: layers.Conv1D(4, 2, padding="causal", **kw), (1, 2)),
    (
        lambda **kw: layers.Conv2D(3, 3, strides=2, padding="same", **kw),
        (5, 6, 2),
    ),
    (lambda **kw: layers.Conv2D(4, (2, 3), dilation_rate=2, **kw), (6, 7, 2)),
    (lambda **kw: layers.Conv3D(2, 2, strides=(1, 2, 1), **kw), (3, 4, 3, 2)),
    (lambda **kw: layers.DepthwiseConv1D(3, padding="same", **kw), (6, 2)),
    (
        lambda **kw: layers.DepthwiseConv2D(
            3, strides=2, depth_multiplier=2, **kw
        ),
        (5, 5, 2),
    ),
    (lambda **kw: layers.EinsumDense("ab,bc->ac", 3, **kw), (4,)),
    (lambda **kw: layers.EinsumDense("...x,xy->...y", 3, **kw), (2, 4)),
    (lambda **kw: layers.EinsumDense("abc,cd->abd", (None, 3), **kw), (2, 4)),
    (lambda **kw: layers.EinsumDense("abc,bcd->abd", (2, 3), **kw), (2, 4)),
    (lambda **kw: layers.EinsumDense("abc,cdb->adb", (3, 2), **kw), (2, 4)),
    (lambda **kw: layers.EinsumDense("abc,bcde->aed", (3, 2), **kw), (2, 4)),
    (lambda **kw: layers.EinsumDense("abc,c->abc", (2, 4), **kw), (2, 4)),
    (lambda **kw: layers.EinsumDense("ab,c->abc", (4, 3), **kw), (4,)),
    (
        lambda **kw: layers.EinsumDense("abcd,be->aecd", (5, 3, 2), **kw),
        (4, 3, 2),
    ),
    (lambda **kw: layers.Identity(**kw), (3,)),
    (lambda **kw: layers.Flatten(**kw), (2, 3)),
    (lambda **kw: layers.Reshape((3, 2), **kw), (2, 3)),
    (lambda **kw: layers.Permute((2, 1), **kw), (2, 3)),
    (lambda **kw: layers.Cropping1D((1, 2), **kw), (5, 2)),
    (lambda **kw: layers.Cropping2D(((1, 0), (0, 2)), **kw), (3, 4, 2)),
    (lambda **kw: layers.Cropping3D(1, **kw), (3, 3, 4, 2)),
    (lambda **kw: layers.ZeroPadding1D(2, **kw), (3, 2)),
    (lambda **kw: layers.ZeroPadding2D(((1, 0), (0, 2)), **kw), (3, 2, 2)),
    (lambda **kw: layers.ZeroPadding3D(1, **kw), (2, 1, 2, 1)),
    (lambda **kw: layers.RepeatVector(3, **kw), (4,)),
    (lambda **kw: layers.UpSampling1D(3, **kw), (4, 2)),
    (lambda **kw: layers.UpSampling2D((2, 3), **kw), (2, 3, 2)),
    (lambda **kw: layers.UpSampling3D((1, 2, 3), **kw), (2, 1, 2, 1)),
    (
        lambda **kw: layers.UpSampling2D(
            (2, 3), interpolation="bilinear", **kw
        ),
        (5, 4, 1),
    ),
    (
        lambda **kw: layers.UpSampling2D(
            (4, 1), interpolation="bilinear", **kw
        ),
        (1, 3, 2),
    ),
    (lambda **kw: layers.GlobalAveragePooling1D(**kw), (5, 2)),
    (
        lambda **kw: layers.GlobalAveragePooling2D(keepdims=True, **kw),
        (4, 4, 2),
    ),
    (lambda **kw: layers.GlobalAveragePooling3D(**kw), (2, 3, 2, 2)),
    (lambda **kw: layers.Rescaling(1 / 255, offset=-0.5, **kw), (2, 2, 3)),
    (lambda **kw: layers.Rescaling(255.0, **kw), (4,)),
    (lambda **kw: layers.Rescaling([0.1, -3.0, 1.0], **kw), (2, 2, 3)),
    (lambda **kw: layers.Activation("linear", **kw), (3,)),
]


@pytest.mark.parametrize(
    "make, shape", LINEAR, ids=[type(make()).__name__ for make, _ in LINEAR]
)
def test_is_the_norm_of_the_matrix(make, shape):
    layer = make(dtype=PRECISE)
    layer.build((None, *shape))
    randomise(layer)
    truth = norm(matrix_of(lambda x: infer(layer, x), shape))
    bound = bound_of_layer(layer, shape)
    assert truth * (1 - BELOW) <= bound <= truth * (1 + 1e-5)


@pytest.mark.multi_backend
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    "pool, strides, size",
    [
        (2, 2, 6),
        (2, 1, 5),
        (3, 1, 7),
        (3, 2, 7),
        (3, 2, 8),
        (2, 3, 8),
        (4, 1, 5),
    ],
)
def test_average_pooling(pool, strides, size, padding):
    layer = layers.AveragePooling1D(pool, strides, padding, dtype=PRECISE)
    truth = norm(matrix_of(lambda x: infer(layer, x), (size, 1)))
    bound = bound_of_layer(layer, (size, 1))
    assert truth * (1 - BELOW) <= bound <= truth * (1 + 1e-6)


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "layer, shape",
    [
        (layers.AveragePooling2D((3, 2), (1, 2), "same"), (5, 4, 2)),
        (layers.AveragePooling2D((2, 3), (1, 2), "same"), (4, 7, 1)),
        (layers.AveragePooling2D(3, 1), (5, 6, 1)),
        (layers.AveragePooling3D((2, 1, 3), (1, 1, 2), "same"), (3, 2, 4, 1)),
    ],
)
def test_average_pooling_of_images(layer, shape):
    truth = norm(matrix_of(lambda x: infer(layer, x), shape))
    bound = bound_of_layer(layer, shape)
    assert truth * (1 - 1e-6) <= bound <= truth * (1 + 1e-5)


def test_average_pooling_of_a_long_signal():
    layer = layers.AveragePooling1D(4, 1, "same")
    short = bound_of_layer(layer, (256, 1))
    long = bound_of_layer(layer, (4000, 1))
    assert short * (1 - 1e-9) <= long <= short * (1 + 1e-4)


def batch_normalization(variance, gamma, **kwargs):
    layer = layers.BatchNormalization(dtype=PRECISE, **kwargs)
    layer.build((None, 3, len(variance)))
    layer.moving_mean.assign(np.arange(len(variance)))
    layer.moving_variance.assign(variance)
    if layer.scale:
        layer.gamma.assign(gamma)
    return layer


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "variance, gamma, kwargs",
    [
        ([1.0, 4.0], [1.0, 1.0], {}),
        ([1e-12, 4.0], [1.0, 5.0], {}),
        ([2.0, 3.0], [-7.0, 1.0], {}),
        ([0.0, 3.0], None, {"scale": False, "epsilon": 1e-5}),
        ([1e4, 1e4], [1e-6, -1e-7], {"center": False}),
        ([1.0, 0.5], [0.5, 0.25], {"renorm": True}),
    ],
)
def test_batch_normalization(variance, gamma, kwargs):
    layer = batch_normalization(variance, gamma, **kwargs)
    truth = norm(matrix_of(lambda x: infer(layer, x), (3, 2)))
    bound = bound_of_layer(layer, (3, 2))
    assert truth * (1 - BELOW) <= bound <= truth * (1 + 1e-5)


@pytest.mark.multi_backend
@pytest.mark.parametrize("epsilon", [1e-3, 1e-7, 1e-12])
def test_batch_normalization_is_never_too_small(epsilon):
    """Rounding, and flushing to zero, err upwards only."""
    generator = np.random.default_rng(0)
    layer = layers.BatchNormalization(epsilon=epsilon)
    layer.build((None, 5000))
    layer.moving_variance.assign(10.0 ** generator.uniform(-44, 30, 5000))
    layer.gamma.assign(-(10.0 ** generator.uniform(-45, 8, 5000)))
    gamma, _, _, variance = (v.astype("float64") for v in layer.get_weights())
    truth = np.abs(gamma) / np.sqrt(variance + epsilon)
    factors = ops.convert_to_numpy(linear_map_of(layer, (None, 5000)).kernel)
    assert (factors >= truth).all()
    assert (factors <= truth * (1 + 1e-5) + 1e-30).all()


def test_batch_normalization_without_a_variance_certifies_nothing():
    layer = batch_normalization([-1e-4, 1.0], [1.0, 1.0])
    assert bound_of_layer(layer, (3, 2)) == np.inf


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "kwargs, shape",
    [
        (dict(mean=1.0, variance=4.0), (3,)),
        (dict(mean=[1.0, 2.0], variance=[1e-3, 9.0]), (3, 2)),
        (dict(mean=[1.0, 2.0], variance=[1e-30, 9.0]), (3, 2)),
        (dict(mean=[1.0, 2.0], variance=[0.25, 9.0], invert=True), (3, 2)),
        (dict(mean=0.0, variance=0.5, axis=None), (2, 2)),
    ],
)
def test_normalization(kwargs, shape):
    layer = layers.Normalization(dtype=PRECISE, **kwargs)
    layer.build((None, *shape))
    truth = norm(matrix_of(lambda x: infer(layer, x), shape))
    bound = bound_of_layer(layer, shape)
    assert truth * (1 - BELOW) <= bound <= truth * (1 + 1e-5)


@pytest.mark.multi_backend
def test_normalization_follows_what_it_is_adapted_to():
    layer = layers.Normalization()
    layer.adapt(np.array([[0.0, 0.0], [2.0, 20.0]], "float32"))
    assert bound_of_layer(layer, (2,)) == pytest.approx(1.0, rel=1e-5)
    layer.adapt(np.array([[0.0, 0.0], [0.2, 20.0]], "float32"))
    assert bound_of_layer(layer, (2,)) == pytest.approx(10.0, rel=1e-5)


@pytest.mark.multi_backend
def test_rescaling_counts_the_float32_that_is_used():
    for scale in (1 / 255, 0.1, 0.7, 1e-3, 3.0):
        used = max(scale, float(np.float32(scale)))
        bound = bound_of_layer(layers.Rescaling(scale), (2,))
        assert used <= bound <= used * (1 + 2e-7)


def test_rescaling_in_channels_first():
    keras.config.set_image_data_format("channels_first")
    try:
        layer = layers.Rescaling([1.0, -5.0])
        assert bound_of_layer(layer, (2, 3, 3)) == 5.0
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.multi_backend
@pytest.mark.parametrize(
    "layer",
    [
        layers.Dropout(0.5),
        layers.SpatialDropout2D(0.5),
        layers.AlphaDropout(0.5),
        layers.GaussianDropout(0.5),
        layers.GaussianNoise(0.9),
        layers.ActivityRegularization(0.1),
        layers.AugMix(),
        layers.CutMix(),
        layers.MixUp(),
        layers.RandAugment(),
        layers.RandomBrightness(0.9),
        layers.RandomColorDegeneration(0.9),
        layers.RandomColorJitter(brightness_factor=0.5),
        layers.RandomContrast(0.9),
        layers.RandomElasticTransform(0.9),
        layers.RandomErasing(0.9),
        layers.RandomFlip(),
        layers.RandomGaussianBlur(0.9),
        layers.RandomGrayscale(0.9),
        layers.RandomHue(0.9),
        layers.RandomInvert(0.9),
        layers.RandomPerspective(0.9),
        layers.RandomPosterization(factor=2),
        layers.RandomRotation(0.9),
        layers.RandomSaturation(0.9),
        layers.RandomSharpness(0.9),
        layers.RandomShear(0.9),
        layers.RandomTranslation(0.5, 0.5),
        layers.RandomZoom(0.5),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_identity_at_inference(layer):
    x = np.random.default_rng(0).normal(scale=300, size=(2, 8, 8, 3))
    x = x.astype("float32")
    np.testing.assert_array_equal(infer(layer, x), x)
    assert bound_of_layer(layer, (8, 8, 3)) == 1.0


@pytest.mark.parametrize(
    "layer, shape, said",
    [
        (layers.Conv1D(2, 3, 2, "causal", name="c"), (8, 2), "'c'.*strides"),
        (layers.EinsumDense("abc,cd->ad", 3, name="e"), (2, 4), "abc,cd->ad"),
        (
            layers.UpSampling2D(interpolation="bicubic", name="u"),
            (4, 4, 1),
            "'u'.*bicubic",
        ),
        (layers.AveragePooling1D(2, name="p"), (None, 3), "'p'.*fixed size"),
        (layers.MaxPooling2D(2, name="p"), (None, 4, 3), "'p'.*fixed size"),
        (
            layers.GlobalAveragePooling2D(name="p"),
            (None, None, 3),
            "'p'.*fixed size",
        ),
        (layers.Conv2D(2, 3, name="c"), (None, 8, 1), "'c'.*fixed input size"),
        (layers.Rescaling([1.0, 2.0], name="r"), (3, 1), "'r'.*fit the input"),
        (layers.Rescaling(1.0, [1, 2], name="r"), (3, 1), "'r'.*fit the input"),
        (layers.RandomCrop(8, 8, name="r"), (8, 8, 3), "'r'.*RandomCrop"),
        (layers.SeparableConv2D(2, 3, name="s"), (8, 8, 3), "SeparableConv2D"),
        (layers.Rescaling(2, dtype="int32", name="r"), (3,), "'r'.*int32"),
        (layers.RandomFlip(dtype="uint8", name="r"), (4, 4, 3), "'r'.*uint8"),
    ],
)
def test_refuses(layer, shape, said):
    with pytest.raises(ValueError, match=f"(?s){said}"):
        bound_of_layer(layer, shape)


def test_refuses_quantised_and_adapted_kernels():
    dense = layers.Dense(4, name="dense")
    dense.build((None, 4))
    dense.enable_lora(2)
    with pytest.raises(ValueError, match="'dense'.*LoRA"):
        bound_of_layer(dense, (4,))
    dense = layers.Dense(4, name="dense")
    dense.build((None, 4))
    dense.quantize("int8")
    with pytest.raises(ValueError, match="'dense' computes in int8"):
        bound_of_layer(dense, (4,))
