import keras
from keras import ops


class Adjustable:
    """A number of a loss that may move while a model trains.

    A descriptor. Reading gives the scalar variable that compiled steps read
    anew each time; writing a number checks it and assigns. `LossSchedule`
    moves such numbers by name.

    Args:
        check: Function `(name, value) -> float` that raises a `ValueError` for
            a value that makes no sense.
    """

    def __init__(self, check):
        self.check = check

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, loss, owner=None):
        return self if loss is None else loss.numbers[self.name]

    def __set__(self, loss, value):
        value = self.check(self.name, value)
        if self.name in loss.numbers:
            loss.numbers[self.name].assign(value)
        else:
            loss.numbers[self.name] = keras.Variable(
                value, trainable=False, dtype="float32", name=self.name
            )


def number_of(variable):
    """The present value of a scalar variable as a Python float."""
    return float(ops.convert_to_numpy(variable))
