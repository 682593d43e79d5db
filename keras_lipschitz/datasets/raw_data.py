import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class RawData:
    """A data set as it comes: all samples in memory, nothing scaled.

    Args:
        x_train: Array `(samples, ...)`; images as uint8.
        y_train: Integer array `(samples,)`.
        x_test: As `x_train`.
        y_test: As `y_train`.
        class_names: Tuple of strings, or `None`: the classes are then named
            by their numbers.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple = None

    def __post_init__(self):
        for part in ("train", "test"):
            x = np.asarray(getattr(self, f"x_{part}"))
            y = np.asarray(getattr(self, f"y_{part}"))
            if x.ndim == 3 and x.dtype == np.uint8:
                x = x[..., None]
            if y.ndim == 2 and y.shape[1] == 1:
                y = y[:, 0]
            self._check(part, x, y)
            object.__setattr__(self, f"x_{part}", x)
            object.__setattr__(self, f"y_{part}", y.astype("int32"))
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise ValueError(
                "Expected training and test samples of one shape. Received: "
                f"{self.x_train.shape[1:]} and {self.x_test.shape[1:]}"
            )
        classes = int(max(self.y_train.max(), self.y_test.max())) + 1
        names = self.class_names or [str(i) for i in range(classes)]
        if len(names) < classes:
            raise ValueError(
                f"Expected a name for each of the {classes} classes. Received: "
                f"{len(names)} names"
            )
        object.__setattr__(self, "class_names", tuple(map(str, names)))

    def _check(self, part, x, y):
        if len(x) == 0 or y.ndim != 1 or len(x) != len(y):
            raise ValueError(
                f"Expected samples x_{part} and one label each in y_{part}. "
                f"Received: shapes {x.shape} and {y.shape}"
            )
        if x.dtype != np.uint8 and not np.issubdtype(x.dtype, np.floating):
            raise ValueError(
                f"Expected x_{part} as uint8 (0 to 255) or as floating point "
                f"numbers. Received: dtype {x.dtype}"
            )
        if not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
            raise ValueError(
                f"Expected y_{part} as integers, zero or more. Received: dtype "
                f"{y.dtype}, smallest {y.min()}"
            )


def scaled(x):
    """Samples as float32: uint8 goes to [0, 1], other types stay."""
    if x.dtype == np.uint8:
        return x.astype("float32") / np.float32(255.0)
    return x.astype("float32")
