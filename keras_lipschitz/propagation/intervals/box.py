import dataclasses


@dataclasses.dataclass(frozen=True, eq=False)
class Box:
    """All tensors between a lower and an upper one, for a batch of them.

    Args:
        lower: Tensor `(batch, ...)`.
        upper: Tensor of the same shape.
        center: What the network makes of the input itself, where that is
            known. Not always in the middle.
    """

    lower: object
    upper: object
    center: object = None

    @classmethod
    def around(cls, center, radius):
        """The box of all that is at most `radius` away in every entry."""
        return cls(center - radius, center + radius, center)

    @property
    def shape(self):
        return tuple(self.lower.shape)

    @property
    def middle(self):
        return (self.lower + self.upper) / 2.0

    @property
    def radius(self):
        """How far the ends are from the middle."""
        return (self.upper - self.lower) / 2.0
