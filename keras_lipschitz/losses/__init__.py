"""Losses on the logits and the bottom logit."""

import functools

import keras

from keras_lipschitz.losses.gloro_crossentropy import GloroCrossentropy
from keras_lipschitz.losses.gloro_trades import GloroTrades

_NAMES = {
    "gloro_crossentropy": GloroCrossentropy,
    "gloro_trades": GloroTrades,
    "gloro_trades_ce": functools.partial(GloroTrades, form="ce"),
}


def get(identifier):
    """A loss from its name; what is not ours is left to Keras.

    Args:
        identifier: `"gloro_crossentropy"`, `"gloro_trades"`,
            `"gloro_trades_ce"`, or anything that `keras.Model.compile` takes,
            lists and dicts included.

    Returns:
        A loss, or `identifier` itself.
    """
    return keras.tree.map_structure(_get, identifier)


def _get(identifier):
    if isinstance(identifier, str) and identifier in _NAMES:
        return _NAMES[identifier]()
    return identifier
