import keras
import numpy as np
from keras import ops

from keras_lipschitz.propagation.graph import trace


def ensemble(models, views=(), name="ensemble"):
    """One classifier of several: its logits are the mean of theirs.

    What the members' last layers read is put side by side, and one last layer
    reads all of it. Where the constants of the members below their last layers
    are alike, as in 1-Lipschitz networks, a margin then moves at most as fast
    as the root mean square of theirs. Errors average out: two networks that
    were trained apart prove more than each.

    Members share their layers with the result. To train it on is to train
    them.

    Args:
        models: Sequence of built Functional or Sequential models of the same
            input and classes, each with a linear `Dense` layer at its end. Of
            a `GloroModel`, give `base`. Without `views`, two or more.
        views: Sequence of layers or models that keep the shape of the input,
            such as `keras_lipschitz.layers.Flip()`. Each member reads the
            input itself and what each of them makes of it. Defaults to none.
        name: String, the name of the model.

    Returns:
        A built Functional model that ends in logits.

    Example:

    >>> members = [keras.Sequential([
    ...     keras.Input((4,)), keras_lipschitz.layers.CayleyDense(8),
    ...     keras.layers.Dense(3)]) for _ in range(2)]
    >>> base = keras_lipschitz.models.ensemble(members)
    >>> base.output_shape
    (None, 3)
    """
    models, views = list(models), list(views)
    heads = _heads(models, views)
    first = models[0].inputs[0]
    inputs = keras.Input(batch_shape=first.shape, dtype=first.dtype)
    bodies = [
        keras.Model(model.inputs, head.input, name=f"member_{i}")
        for i, (model, head) in enumerate(zip(models, heads, strict=True))
    ]
    seen = [inputs, *(view(inputs) for view in views)]
    features = [body(x) for x in seen for body in bodies]
    features = keras.layers.Concatenate(name="features")(features)
    head = keras.layers.Dense(heads[0].units, name="logits")
    outputs = head(features)
    head.set_weights(_mean(heads * len(seen)))
    return keras.Model(inputs, outputs, name=name)


def _mean(heads):
    """Kernel and bias of the layer that computes the mean of all heads."""
    kernels = [ops.convert_to_numpy(head.kernel) for head in heads]
    biases = [
        0.0 if head.bias is None else ops.convert_to_numpy(head.bias)
        for head in heads
    ]
    shape = (heads[0].units,)
    biases = [np.broadcast_to(bias, shape) for bias in biases]
    return np.concatenate(kernels) / len(heads), np.mean(biases, axis=0)


def _heads(models, views):
    """The last layers, once nothing speaks against putting them together."""
    if not models or len(models) + len(views) < 2:
        raise ValueError(
            "Expected two or more models, or one and `views`. Received: "
            f"{len(models)} models and {len(views)} views"
        )
    shapes = [(m.input_shape, m.output_shape) for m in map(trace, models)]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"Expected models of one input and output shape. Received: {shapes}"
        )
    return [_head(model) for model in models]


def _head(model):
    head = model.layers[-1]
    linear = isinstance(head, keras.layers.Dense) and (
        head.activation is keras.activations.linear
    )
    if linear and len(model.output_shape) == 2:
        return head
    raise ValueError(
        "Expected models that end in a Dense layer without activation, with "
        "logits of shape (batch, classes). Received: "
        f"{type(head).__name__} {head.name!r} at the end of {model.name!r}, "
        f"with shape {model.output_shape}"
    )
