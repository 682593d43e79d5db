"""The losses from their definitions, one sample at a time in float64."""

import math

import numpy as np


def log_softmax(x):
    largest = max(x)
    return [
        v - largest - math.log(math.fsum(math.exp(u - largest) for u in x))
        for v in x
    ]


def crossentropy(target, log_q):
    """`-sum t_i log q_i`, where nothing of weight zero counts."""
    return -math.fsum(
        t * v for t, v in zip(target, log_q, strict=True) if t > 0
    )


def gloro_crossentropy(target, outputs):
    return crossentropy([*target, 0.0], log_softmax(outputs))


def gloro_trades(target, outputs, weight=1.0, form="kl"):
    log_p = log_softmax(outputs[:-1])
    p = [*map(math.exp, log_p), 0.0]
    term = crossentropy(p, log_softmax(outputs))
    if form == "kl":
        term -= crossentropy(p, [*log_p, 0.0])
    return crossentropy(target, log_p) + weight * term


def per_sample(loss, targets, outputs, **kwargs):
    return np.array(
        [
            loss(list(map(float, t)), list(map(float, o)), **kwargs)
            for t, o in zip(targets, outputs, strict=True)
        ]
    )


def finite_differences(f, x, step=1e-5):
    """The gradient of `sum(f(x))`, by central differences."""
    x = np.asarray(x, "float64")
    gradient = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += step
        behind[index] -= step
        gradient[index] = (np.sum(f(ahead)) - np.sum(f(behind))) / (2 * step)
    return gradient
