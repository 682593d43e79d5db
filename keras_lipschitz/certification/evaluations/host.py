"""NumPy in float64: evaluations do not depend on backend and device."""

from keras import ops


def host_array(tensor):
    """The values of a tensor or variable in float64, converted exactly."""
    return ops.convert_to_numpy(tensor).astype("float64")
