import dataclasses

from keras_lipschitz.certification.norms.stacks import common_places

# What calling NumPy costs, in operations.
_OVERHEAD = 5e5


@dataclasses.dataclass(frozen=True)
class Work:
    """What a proof for a stack of block matrices takes, roughly.

    Args:
        operations: Floating point operations.
        bytes: Memory.
    """

    operations: float
    bytes: float

    @classmethod
    def of(cls, places, block_shape, copies=1, dtype="float64"):
        """The work for `copies` matrices with the `places` of a `Stack`."""
        m, n = block_shape
        rows = 1 + max(row for tap in places for row, _ in tap)
        columns = 1 + max(column for tap in places for _, column in tap)
        if columns * n < rows * m:
            m, n, rows = n, m, columns
            places = [[(c, r) for r, c in tap] for tap in places]
        pairs = common_places(places)
        kinds = set(pairs.values())
        p = max(i - j for i, j in pairs)
        gram = 2 * m * m * n * sum(map(len, kinds))
        factor = rows * m**3 * (p * p + 4 * p + 7 / 3)
        calls = rows * (p + 1) * (p + 3)
        numbers = m * m * (len(kinds) + (p + 1) ** 2 + 8)
        numbers += 2 * len(places) * m * n
        complex_numbers = dtype == "complex128"
        return cls(
            copies * (gram + factor) * (4 if complex_numbers else 1)
            + calls * _OVERHEAD,
            copies * numbers * (16 if complex_numbers else 8),
        )
