import keras

from keras_lipschitz.layers.linf_dist import LInfDist
from keras_lipschitz.layers.mean_shift import MeanShift


def linf_dist_net(
    input_shape,
    classes,
    units=(512, 512),
    mean=0.0,
    std=1.0,
    p=8.0,
    mlp_units=None,
    name="linf_dist_net",
):
    """A net of l_inf distances, 1-Lipschitz in the l_inf norm.

    Layers of distances with a `MeanShift` each. A logit is minus the distance
    from the point that a class has learned; or, with `mlp_units`, what a small
    tanh network makes of the last distances, and then an `IntervalBound` has to
    bound it.

    Args:
        input_shape: Shape of one input.
        classes: Integer, the number of classes.
        units: Sequence of integers, the width of each hidden layer. Defaults
            to `(512, 512)`; the published nets have five of 5120.
        mean: Number, or one for each channel, that is subtracted from inputs.
            Defaults to `0.0`.
        std: Number by which they are divided then: one, so that the l_inf
            ball stays a cube. Defaults to `1.0`.
        p: Number, the norm that training begins with. Defaults to `8.0`.
        mlp_units: Integer, the hidden units of the tanh network, or `None`.
            Defaults to `None`.
        name: String, the name of the model.

    Returns:
        A built `keras.Sequential` that ends in logits.

    Example:

    >>> base = keras_lipschitz.models.linf_dist_net((28, 28, 1), 10)
    >>> model = keras_lipschitz.GloroModel(base, epsilon=0.3, norm="inf")

    Reference:
        - [Zhang et al., Towards Certifying L-infinity Robustness using Neural
          Networks with L-inf-dist Neurons, ICML 2021](
          https://arxiv.org/abs/2102.05363)
    """
    if not isinstance(std, (int, float)) or not std > 0:
        raise ValueError(
            "`std` should be one positive number for all channels. Received: "
            f"std={std!r}"
        )
    layers = [keras.Input(input_shape), _normalization(mean, std)]
    layers.append(keras.layers.Flatten())
    for width in units:
        layers += [LInfDist(width, p=p), MeanShift()]
    if mlp_units is None:
        layers.append(LInfDist(classes, p=p, use_bias=True))
        layers.append(keras.layers.Rescaling(-1.0, name="logits"))
    else:
        layers += _scaled_dense(units[-1], mlp_units, "tanh", name="hidden")
        layers += _scaled_dense(mlp_units, classes, None, name="logits")
    return keras.Sequential(layers, name=name)


def _normalization(mean, std):
    means = mean if isinstance(mean, (list, tuple)) else [mean]
    offset = [-m / std for m in means]
    return keras.layers.Rescaling(
        1.0 / std,
        offset=offset if isinstance(mean, (list, tuple)) else offset[0],
        name="normalization",
    )


def _scaled_dense(inputs, units, activation, name):
    """A layer with weights of variance 1, and the scale in front of it.

    So it learns as fast as a layer of distances does.
    """
    return [
        keras.layers.Rescaling(inputs**-0.5, name=f"{name}_scale"),
        keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
            name=name,
        ),
    ]
