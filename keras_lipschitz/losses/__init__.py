"""Losses on the logits and the bottom logit."""

import functools

import keras

from keras_lipschitz.losses.calibrated_lipschitz_margin import (
    CalibratedLipschitzMargin,
)
from keras_lipschitz.losses.certificate_regularization import (
    CertificateRegularization,
)
from keras_lipschitz.losses.clipped_hinge import ClippedHinge
from keras_lipschitz.losses.emma import Emma
from keras_lipschitz.losses.gloro_crossentropy import GloroCrossentropy
from keras_lipschitz.losses.gloro_trades import GloroTrades
from keras_lipschitz.losses.hkr import HKR
from keras_lipschitz.losses.label_margin_crossentropy import (
    LabelMarginCrossentropy,
)
from keras_lipschitz.losses.lipschitz_margin_training import (
    LipschitzMarginTraining,
)
from keras_lipschitz.losses.logit_annealing import LogitAnnealing
from keras_lipschitz.losses.logit_loss import LogitLoss
from keras_lipschitz.losses.margin_hinge import MarginHinge
from keras_lipschitz.losses.margin_loss import MarginLoss
from keras_lipschitz.losses.multi_margin import MultiMargin
from keras_lipschitz.losses.offset_crossentropy import OffsetCrossentropy
from keras_lipschitz.losses.worst_case_crossentropy import WorstCaseCrossentropy

_NAMES = {
    "calibrated_lipschitz_margin": CalibratedLipschitzMargin,
    "certificate_regularization": CertificateRegularization,
    "clipped_hinge": ClippedHinge,
    "cll": CalibratedLipschitzMargin,
    "emma": Emma,
    "gloro_crossentropy": GloroCrossentropy,
    "gloro_trades": GloroTrades,
    "gloro_trades_ce": functools.partial(GloroTrades, form="ce"),
    "hkr": HKR,
    "label_margin_crossentropy": LabelMarginCrossentropy,
    "lipschitz_margin_training": LipschitzMarginTraining,
    "lmt": LipschitzMarginTraining,
    "logit_annealing": LogitAnnealing,
    "margin_hinge": MarginHinge,
    "multi_margin": MultiMargin,
    "offset_crossentropy": OffsetCrossentropy,
    "worst_case_crossentropy": WorstCaseCrossentropy,
}


def get(identifier, **arguments):
    """A loss from its name; what is not ours is left to Keras.

    Args:
        identifier: `"gloro_crossentropy"`, `"gloro_trades"`,
            `"gloro_trades_ce"`, `"emma"`, `"lmt"`, `"logit_annealing"`,
            `"label_margin_crossentropy"`, `"cll"` (with `epsilon` and `p`),
            `"margin_hinge"`, `"clipped_hinge"`, `"worst_case_crossentropy"`,
            `"offset_crossentropy"`, `"multi_margin"`, `"hkr"`,
            `"certificate_regularization"`, or anything that
            `keras.Model.compile` takes, lists and dicts included.
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
