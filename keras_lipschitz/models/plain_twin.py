"""A `GloroModel` as exporters can write it."""

from keras import ops

from keras_lipschitz.models.plain_network import plain_network


def plain_twin(model, bound, residual=False):
    """The same `GloroModel` with kernels that are weights, not certified.

    Args:
        model: A `GloroModel`.
        bound: A new `MarginBound`, for the twin.
        residual: As for `to_plain`. Defaults to `False`.

    Returns:
        A `GloroModel`.
    """
    base = plain_network(model.base, residual)
    twin = type(model)(base, model.epsilon, bound, name=model.name)
    # On JAX, variables may not share an array.
    epsilon = ops.convert_to_numpy(model.bottom.training_epsilon)
    twin.bottom.training_epsilon.assign(epsilon.copy())
    return twin
