"""What the metrics count, decided sample by sample from the definitions."""

import math


def is_correct(label, outputs):
    logits = list(outputs[:-1])
    if not all(map(math.isfinite, logits)) or label not in range(len(logits)):
        return False
    return logits.index(max(logits)) == label


def is_verified(label, outputs):
    if not is_correct(label, outputs):
        return False
    others = [v for i, v in enumerate(outputs) if i != label]
    return all(outputs[label] > other for other in others)


def is_rejected(label, outputs):
    logits, bottom = list(outputs[:-1]), outputs[-1]
    if not all(map(math.isfinite, logits)):
        return True
    return not max(logits) > bottom


def mean(values, weights=None):
    weights = [1.0] * len(values) if weights is None else list(weights)
    total = math.fsum(v * w for v, w in zip(values, weights, strict=True))
    return total / math.fsum(weights) if math.fsum(weights) else 0.0
