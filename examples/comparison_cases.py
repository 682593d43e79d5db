"""What `compare_layers.py` compares: networks, their layers, and losses."""

import itertools

from keras_lipschitz import losses
from keras_lipschitz import models

LAYERS = {
    "convolution": (
        "cpl",
        "sll",
        "soc",
        "aol",
        "adaptive_orthogonal",
        "spectral_rescaling",
        "sandwich",
        "bro",
    ),
    "dense": (
        "cpl",
        "sll",
        "aol",
        "cayley",
        "cholesky",
        "bro",
        "qr",
        "bjorck",
        "spectral_rescaling",
        "sandwich",
    ),
}
# Losses of the papers of three layers, with the numbers that they give.
OWN_LOSSES = {
    "cpl": ("multi_margin", {"margin": 0.7}),
    "sll": ("offset_crossentropy", {"offset": 1.5 * 2.0**0.5}),
    "soc": ("certificate_regularization", {"weight": 0.1}),
}


def cases(arguments):
    """Network, layer and loss of every line."""
    for network, loss in itertools.product(
        arguments.networks, arguments.losses
    ):
        for layer in LAYERS[network]:
            wanted = not arguments.layers or layer in arguments.layers
            if wanted and (loss != "own" or layer in OWN_LOSSES):
                yield network, layer, loss


def network_of(network, layer, data, arguments):
    shape = data.input_shape
    if network == "dense":
        return models.lip_dense_net(
            shape, data.classes, tuple(arguments.units), layer
        )
    return models.lip_conv_net(
        shape,
        data.classes,
        depth=2,
        stages=2,
        width=arguments.width,
        convolution=layer,
    )


def loss_of(name, layer, arguments):
    """A loss with the numbers that fit the radius, or those of a paper."""
    asked = arguments.asked * arguments.epsilon
    if name == "own":
        name, numbers = OWN_LOSSES[layer]
        return losses.get(name, **numbers)
    if name == "offset_crossentropy":
        # Two rows of length one that are orthogonal are sqrt(2) apart.
        offset = 2.0**0.5 * asked
        return losses.get(name, offset=offset, temperature=0.25)
    if name == "cll":
        # The rows have length one whatever they learn, so margins cannot be
        # made large with their constants, and these need no protection.
        return losses.get(
            name, epsilon=asked / 2.0, p=arguments.slack, detach=False
        )
    return losses.get(name)
