"""Distances and their gradients in float64, a line each."""

import numpy as np


def differences(x, w):
    return x.astype("float64")[:, :, None] - w.astype("float64")


def value(x, w, p):
    size = np.abs(differences(x, w))
    largest = size.max(axis=1)
    if np.isinf(p):
        return largest
    ratio = size / np.where(largest > 0, largest, 1.0)[:, None]
    return largest * np.sum(ratio**p, axis=1) ** (1 / p)


def gradients(x, w, p, g):
    """Gradients of `sum(g * value)`: at infinity of the first largest."""
    d, y = differences(x, w), value(x, w, p)[:, None]
    size = np.abs(d)
    if np.isinf(p):
        inputs = np.arange(x.shape[1])[:, None]
        slope = np.sign(d) * (inputs == size.argmax(axis=1)[:, None])
    else:
        slope = np.sign(d) * (size / np.where(y > 0, y, 1.0)) ** (p - 1)
    slope = slope * g[:, None]
    return slope.sum(axis=2), -slope.sum(axis=0)


def patches(x, kernel_size, strides, padding):
    """Patches `(images, rows, columns, entries)`, padded as Keras pads."""
    if padding == "same":
        margins = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, k, s in zip(x.shape[1:3], kernel_size, strides, strict=True)
        ]
        pads = [(m // 2, m - m // 2) for m in margins]
        x = np.pad(x, [(0, 0), *pads, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(
        x, kernel_size, axis=(1, 2)
    )
    windows = windows[:, :: strides[0], :: strides[1]]
    windows = np.moveaxis(windows, 3, 5)
    return windows.reshape(*windows.shape[:3], -1)
