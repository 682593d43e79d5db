import numpy as np

from keras_lipschitz.layers.one_lipschitz.parametrized_layer import (
    computing_layers,
)
from keras_lipschitz.models.plain_network import plain_network


def pgd_accuracy(
    model, x, y, epsilon=None, steps=50, restarts=1, batch_size=256
):
    """Accuracy under projected gradient descent within a ball.

    An upper bound of the robust accuracy, as VRA is a lower one. The attack is
    that of the Adversarial Robustness Toolbox, on the logits, in the norm of
    the model. It goes where the certificate holds: in the whole ball, or in
    the valid range that the model's bound was told of.

    Args:
        model: A `GloroModel`, on the TensorFlow backend.
        x: Array of samples.
        y: Integer array of labels.
        epsilon: Number, the radius. Defaults to that of the model.
        steps: Integer, steps of each attack.
        restarts: Integer, random starts. One start is the sample itself.
        batch_size: Integer.

    Returns:
        `(accuracy, adversarial)`: the share of samples that stay right, and
        the attacked inputs.

    Reference:
        - [Madry et al., Towards Deep Learning Models Resistant to Adversarial
          Attacks, ICLR 2018](https://arxiv.org/abs/1706.06083)
    """
    epsilon = model.epsilon if epsilon is None else epsilon
    x, y = np.asarray(x, "float32"), np.asarray(y).reshape(-1)
    right = _predict(model, x, batch_size) == y
    adversarial = x.copy()
    if epsilon == 0:
        return float(right.mean()), adversarial
    attack = _attack(model, epsilon, steps, batch_size)
    for restart in range(restarts + 1):
        left = np.flatnonzero(right)
        if not len(left):
            break
        attack.set_params(num_random_init=min(restart, 1))
        moved = attack.generate(x[left], y=y[left])
        moved = x[left] + _shortened(moved - x[left], epsilon, model.norm)
        moved = np.clip(moved, *_valid_range(model))
        adversarial[left] = moved
        right[left] = _predict(model, moved, batch_size) == y[left]
    return float(right.mean()), adversarial


def _attack(model, epsilon, steps, batch_size):
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "The attack runs on TensorFlow. Expected: KERAS_BACKEND=tensorflow."
            f" Received: backend {keras.backend.backend()!r}"
        )
    try:
        from art.attacks.evasion import ProjectedGradientDescent
        from art.estimators.classification import TensorFlowV2Classifier
    except ImportError as error:
        raise ImportError(
            "`pgd_accuracy` needs the Adversarial Robustness Toolbox. Install "
            "it with `pip install keras-lipschitz[attacks]`."
        ) from error
    valid = _valid_range(model)
    classifier = TensorFlowV2Classifier(
        model=_attacked(model.base),
        clip_values=valid if np.isfinite(valid).all() else None,
        nb_classes=model.classes,
        input_shape=tuple(model.input_shape[1:]),
        loss_object=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        ),
    )
    return ProjectedGradientDescent(
        classifier,
        norm=2 if model.norm == 2 else np.inf,
        eps=epsilon,
        eps_step=2.5 * epsilon / steps,
        max_iter=steps,
        batch_size=batch_size,
        verbose=False,
    )


def _attacked(base):
    """The same network; kernels are not computed anew in every step."""
    return plain_network(base) if computing_layers(base) else base


def _predict(model, x, batch_size):
    logits = model.predict(x, batch_size=batch_size, verbose=0)[:, :-1]
    return logits.argmax(axis=1)


def _valid_range(model):
    return getattr(model.bound, "clip", None) or (-np.inf, np.inf)


def _shortened(moves, length, norm):
    """Moves strictly within the ball, whatever the attack rounded to."""
    if norm != 2:
        length = np.float32(length * (1 - 1e-6))
        return np.clip(moves, -length, length)
    flat = moves.astype("float64").reshape(len(moves), -1)
    lengths = np.linalg.norm(flat, axis=1)
    factors = np.minimum(1.0, length * (1 - 1e-6) / np.maximum(lengths, 1e-12))
    shape = (-1, *[1] * (moves.ndim - 1))
    return (moves * factors.reshape(shape)).astype("float32")
