import keras

from keras_lipschitz._registration import register
from keras_lipschitz.layers.lipschitz_dense import LipschitzDense


@register
class BinaryLogits(LipschitzDense):
    """The two logits of a binary model from its one.

    `f` becomes `(-f / 2, f / 2)`: the margin of the second class over the first
    is `f`, the softmax is the sigmoid of `f`, and the margin's Lipschitz
    constant is that of `f`. It lets a `GloroModel` wrap a model with one
    logit, and its losses be those of the binary papers.

    Args:
        **kwargs: Base layer keyword arguments.

    Input shape:
        `(batch, 1)`.

    Output shape:
        `(batch, 2)`.

    Example:

    ```python
    base = keras.Sequential([
        keras.Input((2,)),
        keras.layers.Dense(64),
        keras_lipschitz.layers.MinMax(),
        keras.layers.Dense(1),
        keras_lipschitz.layers.BinaryLogits(),
    ])
    model = keras_lipschitz.GloroModel(base, epsilon=0.1)
    ```
    """

    def __init__(self, **kwargs):
        kwargs["trainable"] = False
        super().__init__(
            2,
            use_bias=False,
            kernel_initializer=keras.initializers.Constant([[-0.5, 0.5]]),
            **kwargs,
        )

    def build(self, input_shape):
        if len(input_shape) != 2 or input_shape[-1] != 1:
            raise ValueError(
                "BinaryLogits reads one logit for each sample. Expected input "
                f"shape (batch, 1). Received: {tuple(input_shape)}"
            )
        super().build(input_shape)

    def get_config(self):
        return keras.layers.Layer.get_config(self)
