"""Losses anchored at the label, from their definitions, in float64."""

import math

import slow_losses


def _label_crossentropy(outputs, y):
    return -slow_losses.log_softmax(outputs)[y]


def label_margin(f, s, y):
    return _label_crossentropy(
        [v + (0 if i == y else s[i]) for i, v in enumerate(f)], y
    )


def lmt(f, s, y):
    most = max(v for i, v in enumerate(s) if i != y)
    return label_margin(f, [most] * len(f), y)


def emma_outputs(f, s, y, floor=0.01):
    outputs = [v - f[y] for v in f]
    for i in set(range(len(f))) - {y}:
        outputs[i] += min(max(-outputs[i] / s[i], floor), 1.0) * s[i]
    return outputs


def emma(f, s, y, floor=0.01):
    return _label_crossentropy(emma_outputs(f, s, y, floor), y)


def annealing(f, s, y, offset=2.0, temperature=0.75, power=5.0):
    u = emma_outputs(f, s, y)
    u[y] -= offset
    value = _label_crossentropy([v / temperature for v in u], y)
    return temperature * (1.0 - math.exp(-value)) ** power * value


def cll_pairwise(f, s, y, epsilon, p, offset=2.0, weight=0.0, scale=1.0):
    sigma = epsilon / math.log((2 - p) / p)
    outputs = [
        0.0
        if i == y
        else ((v - f[y]) / (scale * s[i] / epsilon) + offset * epsilon) / sigma
        for i, v in enumerate(f)
    ]
    most = max(v for i, v in enumerate(s) if i != y) / epsilon
    return _label_crossentropy(outputs, y) + weight * most**2


def cll_per_logit(f, s, y, epsilon, p, offset=1.0, weight=0.0):
    sigma = epsilon / math.log((2 - p) / p)
    outputs = [
        (v * epsilon / s[i] + (-1 if i == y else 1) * offset * epsilon) / sigma
        for i, v in enumerate(f)
    ]
    return _label_crossentropy(outputs, y) + weight * (max(s) / epsilon) ** 2
