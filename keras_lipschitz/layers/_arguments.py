"""Checks of arguments that several layers take."""


def check_count(layer, name, value):
    """A positive integer, or a `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(
            f"`{name}` of {type(layer).__name__} should be a positive integer. "
            f"Received: {name}={value!r}"
        )
    return value


def check_pair(layer, name, value):
    """A positive integer or a pair of them, as a pair."""
    pair = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(pair, (tuple, list))
        or len(pair) != 2
        or not all(isinstance(n, int) and n > 0 for n in pair)
    ):
        raise ValueError(
            f"`{name}` of {type(layer).__name__} should be a positive integer "
            f"or a pair of them. Received: {name}={value!r}"
        )
    return tuple(pair)
