"""Losses on the logits and the bottom logit."""

from keras_lipschitz.losses.gloro_crossentropy import GloroCrossentropy

_NAMES = {
    "gloro_crossentropy": GloroCrossentropy,
}


def get(identifier):
    """A loss from its name; what is not ours is left to Keras.

    Args:
        identifier: `"gloro_crossentropy"`, `"gloro_trades"`, or anything that
            `keras.Model.compile` takes.

    Returns:
        A loss, or `identifier` itself.
    """
    if isinstance(identifier, str) and identifier in _NAMES:
        return _NAMES[identifier]()
    return identifier
