from typing import NamedTuple

import numpy as np


class Splits(NamedTuple):
    """A data set in three parts, each a pair `(x, y)`.

    The validation part is for choosing; the test part chooses nothing and is
    looked at once.

    Args:
        train: Inputs and labels to fit.
        validation: Inputs and labels to choose by.
        test: Inputs and labels to report.
    """

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
