"""Floating-point formats, as far as bounds of rounding need them."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Format:
    """A floating-point format that may flush small numbers to zero.

    Args:
        name: What it is called.
        unit: The largest relative error of one operation.
        tiny: What a result or an operand can lose to underflow: numbers that
            are smaller may count as zero.
        largest: Results up to here do not overflow.
    """

    name: str
    unit: float
    tiny: float
    largest: float

    def gamma(self, n):
        """`n u / (1 - n u)`, rounded up; infinite where that says nothing.

        A computed sum of products in which no term is rounded more than `n`
        times errs by no more, relative to the sum of the absolute terms,
        whatever the order of its operations and whether or not they are fused.
        """
        product = n * self.unit
        if product == 0.0:
            return 0.0
        if product > 0.5:
            return math.inf
        return math.nextafter(product / (1.0 - product), math.inf)


SINGLE = Format("float32", 2.0**-24, 2.0**-126, 2.0**127)
# Far above the smallest float64: squares of what is lost do not vanish.
DOUBLE = Format("float64", 2.0**-53, 2.0**-500, 2.0**1000)

# Makes up for the rounding of bounds themselves: any step that bounds rounding
# takes far fewer than 2^13 operations of float64.
UP = 1.0 + 2.0**-40
