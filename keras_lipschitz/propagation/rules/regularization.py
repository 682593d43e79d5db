"""Layers that do nothing at inference: dropout, noise, augmentation."""

from keras import layers

from keras_lipschitz.propagation.registry import register_rule

# RandomCrop is missing on purpose: at inference its shape is not what it says.
INACTIVE = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.AugMix,
    layers.CutMix,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.MixUp,
    layers.RandAugment,
    layers.RandomBrightness,
    layers.RandomColorDegeneration,
    layers.RandomColorJitter,
    layers.RandomContrast,
    layers.RandomElasticTransform,
    layers.RandomErasing,
    layers.RandomFlip,
    layers.RandomGaussianBlur,
    layers.RandomGrayscale,
    layers.RandomHue,
    layers.RandomInvert,
    layers.RandomPerspective,
    layers.RandomPosterization,
    layers.RandomRotation,
    layers.RandomSaturation,
    layers.RandomSharpness,
    layers.RandomShear,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)


@register_rule(*INACTIVE)
def identity(layer, x):
    """Active in training alone; `training=True` in a graph is refused."""
    return x.constant
