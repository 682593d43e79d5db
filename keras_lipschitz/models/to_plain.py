from keras_lipschitz.models.gloro_model import GloroModel
from keras_lipschitz.models.plain_network import plain_network
from keras_lipschitz.models.plain_twin import plain_twin


def to_plain(model, residual=False):
    """Turns computed kernels into weights.

    No kernel is computed from other weights any more, so nothing can be out of
    date; the network has the same certificate, and can be certified at levels
    `"F64"` and `"F32"` too. A layer that is one matrix or convolution becomes a
    `keras.layers.Dense` or `keras.layers.Conv2D`. Others (circular, residual
    and sandwich layers, `SOCConv2D`, `BROConv2D`) stay of their kind, with
    `parametrized=False`: their kernel is a weight that is not trained.

    Args:
        model: A Functional or Sequential model, or a `GloroModel`.
        residual: Whether to take apart `SLLDense`, `CPLDense` and their
            convolutions as well, each into two stock layers and an `Add`, so
            that they load without this package. The certificate is the same
            while the second kernel is exactly -2 times the first one turned
            round: such blocks are recognised. Training does not keep them so.
            Defaults to `False`.

    Returns:
        A new model of the same kind, with weights of its own; a `GloroModel`
        has no certificate yet.

    Example:

    >>> base = keras.Sequential([
    ...     keras.Input((4,)), keras_lipschitz.layers.CayleyDense(3)])
    >>> plain = keras_lipschitz.models.to_plain(base)
    >>> type(plain.layers[0]).__name__
    'Dense'
    """
    if isinstance(model, GloroModel):
        bound = type(model.bound).from_config(model.bound.get_config())
        return plain_twin(model, bound, residual)
    return plain_network(model, residual)
