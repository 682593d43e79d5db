"""Layers in a row with an activation after each, under the names they keep.

Saved models and recipes know them as `conv_1`, `conv_1_minmax`, ..., `flatten`,
`dense_1`, `dense_1_minmax`, ...
"""

import keras


def hidden_layers(
    convolutions, units, convolution, dense, activate, activation
):
    """Yields convolutions and dense layers, all that is below the logits.

    Args:
        convolutions: Sequence of `(kernel_size, filters, strides)`, each
            padded to `"same"`.
        units: Sequence of the widths of the dense layers.
        convolution: Function that makes a convolution.
        dense: Function that makes a dense layer.
        activate: Function that makes an activation of a name.
        activation: String, what the activation is called.
    """
    for i, (kernel_size, filters, strides) in enumerate(convolutions, 1):
        yield convolution(
            filters,
            kernel_size,
            strides=strides,
            padding="same",
            name=f"conv_{i}",
        )
        yield activate(name=f"conv_{i}_{activation}")
    yield from hidden_dense(units, dense, activate, activation)


def hidden_dense(units, dense, activate, activation):
    """Yields what flattens, and dense layers: as `hidden_layers`."""
    yield keras.layers.Flatten(name="flatten")
    for i, width in enumerate(units, 1):
        yield dense(width, name=f"dense_{i}")
        yield activate(name=f"dense_{i}_{activation}")
