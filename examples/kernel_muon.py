import math

import keras
from keras import ops


class KernelMuon(keras.optimizers.Muon):
    """Muon that also moves convolution kernels by orthogonal matrices.

    Keras' Muon leaves them to Adam. Here a kernel is the matrix from its
    patches to its filters. An update with equal singular values raises the
    Lipschitz bound, a product of the largest ones, least for what it changes.

    Args:
        learning_rate: As for `keras.optimizers.Muon`.
        **kwargs: Likewise.

    Reference:
        - [Jordan et al., Muon](https://kellerjordan.github.io/posts/muon/)
    """

    def zeropower_via_newtonschulz5(self, x, steps):
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        matrix = super().zeropower_via_newtonschulz5(matrix, steps)
        return ops.reshape(matrix, x.shape)

    def lr_adjust(self, x):
        rows = math.prod(x.shape[:-1])
        return x * self.rms_rate * math.sqrt(max(rows, x.shape[-1]))

    def _should_use_adamw(self, variable):
        return len(variable.shape) < 2 or any(
            name in variable.path for name in self.exclude_layers
        )


def optimizer_of(recipe):
    """The optimizer that a recipe names, with its first learning rate."""
    rate = recipe.learning_rate[0]
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    if recipe.optimizer == "muon":
        return KernelMuon(
            rate,
            weight_decay=None,
            adam_weight_decay=None,
            exclude_layers=["logits", "theta", "clipped_minmax"],
        )
    raise ValueError(
        'Expected `optimizer` of a recipe to be "adam" or "muon". Received: '
        f"{recipe.optimizer!r}"
    )
