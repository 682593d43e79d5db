"""Which code computes a distance, and in blocks of what size."""

import dataclasses

import keras

# Rows of a block in tiles, and entries of its result: what is computed at once
# fits the second-level cache.
_ROWS = 128
_RESULT = 2**17
# Entries of its result where largest differences are looked up in tiles.
_LOOKED_UP = 2**19
# Rows of a block in parts.
_FEW = 16
# Entries of the patches of a block.
_PATCHES = 2**21
# Pairs of entries of a block that are worth compiling tiles for.
_WORTHWHILE = 2**21
# Pairs of entries of a block by broadcasting: in cache, on another device, and
# where a compiler should not keep them.
_CACHED = 2**21
_ON_DEVICE = 2**26
_FUSED = 2**28


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which code computes a distance.

    Args:
        code: `"tiles"`, `"native"`, `"parts"` or `"broadcast"`.
        size: Integer, rows or images in a block.
        compiled: Whether TensorFlow compiles the code of a block, whatever
            calls it.
        size_at_gradient: Integer, rows or images in a block for the gradient
            of the largest difference, if that is another for a batch of known
            size.
    """

    code: str
    size: int
    compiled: bool = False
    size_at_gradient: int | None = None

    def at_gradient(self, batch):
        """The choice for the gradient of the largest difference.

        Args:
            batch: Integer, rows or images in all, or a tensor.
        """
        if self.size_at_gradient is None or not isinstance(batch, int):
            return self
        return dataclasses.replace(self, size=self.size_at_gradient)


def choose(x, rows, inputs, columns, native):
    """The `Choice` for a distance.

    Args:
        x: The batch, a tensor.
        rows: Integer, rows (patches) that come of each of its entries.
        inputs: Integer, entries of a row.
        columns: Integer, columns of the matrix.
        native: Whether it is a distance that `native` computes.
    """
    on_cpu = _on_cpu(x)
    single = keras.backend.standardize_dtype(x.dtype) == "float32"
    pairs = rows * inputs * columns
    patches = max(_PATCHES // (rows * inputs), 1)
    if keras.backend.backend() == "torch":
        if native and on_cpu and single:
            return Choice("native", patches)
        if on_cpu:
            return Choice("parts", max(_FEW // rows, 1))
        return Choice("broadcast", max(_ON_DEVICE // pairs, 1))
    size = _ROWS
    if rows > 1:
        size = min(max(_RESULT // (rows * columns), 1), patches)
    if not on_cpu:
        return Choice("broadcast", min(size, max(_FUSED // pairs, 1)), True)
    if single and size * pairs >= _WORTHWHILE:
        many = max(_LOOKED_UP // (rows * columns), 1)
        return Choice("tiles", size, True, max(size, min(many, patches)))
    return Choice("broadcast", max(_CACHED // pairs, 1))


def _on_cpu(x):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_physical_devices("GPU")
    if backend == "jax":
        import jax

        return jax.default_backend() == "cpu"
    return x.device.type == "cpu"
