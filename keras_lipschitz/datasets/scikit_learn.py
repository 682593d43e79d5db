"""Data sets that come inside scikit-learn: no download."""

from keras_lipschitz.datasets.splits import Splits

# Of 1797 images; the remaining 1257 train.
VALIDATION, TEST = 180, 360


def digits(seed=0):
    """The 1797 handwritten digits of scikit-learn, 8 by 8 pixels.

    Real images from the UCI repository, split at random with equal shares of
    every class. Writers appear in all three parts.

    Args:
        seed: Integer that decides the split. Defaults to `0`: keep it, so that
            the test part stays the same from run to run.

    Returns:
        `Splits` of `x`, float32 of shape `(samples, 8, 8, 1)` in `[0, 1]`, and
        `y`, int32 of shape `(samples,)`: 1257 to train, 180 to validate, 360 to
        test.

    Example:

    >>> (x, y), validation, test = keras_lipschitz.datasets.digits()
    >>> x.shape, x.min(), x.max()
    ((1257, 8, 8, 1), 0.0, 1.0)

    Reference:
        - [Alpaydin and Kaynak, Optical Recognition of Handwritten Digits](
          https://archive.ics.uci.edu/dataset/80)
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise ImportError(
            "`keras_lipschitz.datasets.digits` reads the images from "
            "scikit-learn, which is not installed. Install it with `pip "
            "install keras-lipschitz[examples]`."
        ) from error
    data = load_digits()
    x = (data.images[..., None] / 16).astype("float32")
    y = data.target.astype("int32")
    x, x_test, y, y_test = train_test_split(
        x, y, test_size=TEST, stratify=y, random_state=seed
    )
    x, x_validation, y, y_validation = train_test_split(
        x, y, test_size=VALIDATION, stratify=y, random_state=seed
    )
    return Splits((x, y), (x_validation, y_validation), (x_test, y_test))
