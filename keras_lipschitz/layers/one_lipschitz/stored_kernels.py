"""Kernels that are computed once and read many times."""

import contextlib
import threading

import keras
import numpy as np
from keras import ops


class _Read(threading.local):
    """The stored kernels that this thread reads."""

    kernels = {}


_READ = _Read()


def stored_kernel(layer):
    """The kernel to read in the place of computing it, or `None`."""
    return _READ.kernels.get(layer)


class StoredKernels:
    """The kernels of layers, computed once.

    Inside `used`, layers read them from here. They hold from one `store` to the
    next, whatever becomes of the raw weights: who reads them has to call it
    whenever a weight may have changed.

    The variables belong to no layer, so that nobody saves or sets them; the
    model whose compiled functions read them has to count them as its state.

    Args:
        layers: Built layers with computed kernels.
    """

    def __init__(self, layers):
        self._kernels = {layer: _variable_for(layer) for layer in layers}
        self._source = None
        self._stored = []

    @property
    def variables(self):
        """State that compiled functions read."""
        return list(self._kernels.values())

    def store(self, source):
        """Computes the kernels, unless those of this source are in place.

        Args:
            source: What identifies the present weights, a fingerprint.
        """
        if source == self._source and self._is_in_place():
            return
        for layer, variable in self._kernels.items():
            variable.assign(layer.kernel)
        self._stored = [ops.convert_to_numpy(v) for v in self.variables]
        self._source = source

    def _is_in_place(self):
        return all(
            np.array_equal(ops.convert_to_numpy(variable), kernel)
            for variable, kernel in zip(
                self.variables, self._stored, strict=True
            )
        )

    def used(self):
        """A context in which layers take their kernels from here."""
        return _reading(self._kernels)


def kernels_computed():
    """A context, or decorator, in which layers compute their kernels again.

    For what has to see the present weights, whoever calls it from where.
    """
    return _reading({})


@contextlib.contextmanager
def _reading(kernels):
    before, _READ.kernels = _READ.kernels, kernels
    try:
        yield
    finally:
        _READ.kernels = before


def _variable_for(layer):
    dtype = keras.backend.result_type(layer.variable_dtype, "float32")
    return keras.Variable(
        np.zeros(layer.computed_shape()),
        dtype=dtype,
        trainable=False,
        autocast=False,
        name=f"{layer.name}_kernel",
    )
