"""Losses on the logits and the bottom logit."""

import functools

import keras

from keras_lipschitz.losses.calibrated_lipschitz_margin import (
    CalibratedLipschitzMargin,
)
from keras_lipschitz.losses.emma import Emma
from keras_lipschitz.losses.gloro_crossentropy import GloroCrossentropy
from keras_lipschitz.losses.gloro_trades import GloroTrades
from keras_lipschitz.losses.label_margin_crossentropy import (
    LabelMarginCrossentropy,
)
from keras_lipschitz.losses.lipschitz_margin_training import (
    LipschitzMarginTraining,
)
from keras_lipschitz.losses.logit_annealing import LogitAnnealing
from keras_lipschitz.losses.margin_loss import MarginLoss

_NAMES = {
    "calibrated_lipschitz_margin": CalibratedLipschitzMargin,
    "cll": CalibratedLipschitzMargin,
    "emma": Emma,
    "gloro_crossentropy": GloroCrossentropy,
    "gloro_trades": GloroTrades,
    "gloro_trades_ce": functools.partial(GloroTrades, form="ce"),
    "label_margin_crossentropy": LabelMarginCrossentropy,
    "lipschitz_margin_training": LipschitzMarginTraining,
    "lmt": LipschitzMarginTraining,
    "logit_annealing": LogitAnnealing,
}


def get(identifier, **arguments):
    """A loss from its name; what is not ours is left to Keras.

    Args:
        identifier: `"gloro_crossentropy"`, `"gloro_trades"`,
            `"gloro_trades_ce"`, `"emma"`, `"lmt"`, `"logit_annealing"`,
            `"label_margin_crossentropy"`, `"cll"` (with `epsilon` and `p`), or
            anything that `keras.Model.compile` takes, lists and dicts included.
        **arguments: For the loss, where it is one of these names.

    Returns:
        A loss, or `identifier` itself.
    """
    return keras.tree.map_structure(
        functools.partial(_get, arguments=arguments), identifier
    )


def _get(identifier, arguments):
    if not (isinstance(identifier, str) and identifier in _NAMES):
        if arguments:
            raise ValueError(
                f"Expected one of {sorted(_NAMES)} to give {arguments} to. "
                f"Received: {identifier!r}"
            )
        return identifier
    try:
        return _NAMES[identifier](**arguments)
    except TypeError as error:
        raise ValueError(
            f"The loss {identifier!r} does not take the arguments {arguments}: "
            f"{error}"
        ) from None
