"""Values that tensors carry along, as Keras hangs masks on them.

A value lives as long as its tensor, and no tensor gets it that was not given
it: nothing made from other weights, inputs or traces can be mistaken for it.
"""

import keras

_NAME = "_keras_lipschitz_carried"


def carry(tensor, value):
    """Hangs a value on a tensor, where the backend can.

    Tracers of JAX carry nothing; its compiler merges what is computed twice.

    Args:
        tensor: Tensor, just made.
        value: What `carried` is to return of it.

    Returns:
        The tensor.
    """
    if keras.backend.backend() == "tensorflow" or _records_gradients():
        setattr(tensor, _NAME, value)
    return tensor


def carried(tensor):
    """What a tensor carries, or `None`."""
    return getattr(tensor, _NAME, None)


def _records_gradients():
    """Whether PyTorch records: not in a checkpoint that is made again later.

    What is made there gets its gradient, but nothing that it carries does.
    """
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.is_grad_enabled()
