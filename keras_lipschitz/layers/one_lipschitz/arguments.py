"""What the arguments of these layers have to be."""


def check_positive(layer, **named):
    """The value of one argument, which has to be a positive integer."""
    ((name, value),) = named.items()
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(
            f"`{name}` of {type(layer).__name__} should be a positive integer. "
            f"Received: {name}={value!r}"
        )
    return value


def check_rank_ratio(layer, value):
    """`value`, which has to be between 0 and 1."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 < value < 1
    ):
        raise ValueError(
            f"`rank_ratio` of {type(layer).__name__} should be a number "
            f"between 0 and 1. Received: rank_ratio={value!r}"
        )
    return float(value)
