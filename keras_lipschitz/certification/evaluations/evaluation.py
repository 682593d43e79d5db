"""What one layer computes, in float64, and how often it rounds."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy import sparse

_EVALUATIONS = {}


@dataclasses.dataclass(frozen=True, eq=False)
class Affine:
    """A linear map and a constant: what a layer is before its activation.

    Args:
        matrices: Function `step -> matrices`: for each input an array, of
            NumPy or `scipy.sparse`, `(entries of the output, entries of the
            input)`.
        constant: Array, what the layer makes of zeros. Broadcast to the
            output.
    """

    matrices: Callable
    constant: np.ndarray | float = 0.0


def entries(shape):
    """How many entries a tensor has, without the batch."""
    return math.prod(shape[1:])


IDENTITY = Affine(
    lambda step: (sparse.eye_array(entries(step.output_shapes[0])),)
)


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """A layer in float64, and what is known of its arithmetic.

    Of every entry of the output, `terms` are meant to be the products, inputs
    and constants that are added up to make it, and `t(|x|)` the sum of their
    absolute values. Arithmetic of unit roundoff `u` then errs by at most

        (gamma(roundings) + spread) t(|x|) + underflow.

    `t` grows with its argument as the layer's Lipschitz rule says, except
    where a `gain` is given: for linear maps with a kernel it is the norm of
    the kernel's absolute values.

    Args:
        compute: Function `(*inputs) -> output` of float64 NumPy arrays.
        roundings: Integer, how often a term is rounded at most, in any order
            of evaluation.
        offset: Array of the absolute values of all constant terms of an entry,
            added up. Broadcast to the output.
        spread: Float, the relative uncertainty of constants: a Python number
            is held as it is, or as the nearest float32.
        absolute: Function `(|x|) -> t(|x|)` of arrays, or `None` to bound it
            by norms.
        gain: Float, or `None` where the Lipschitz rule says how `t` grows.
        slope: Float, not less than 1: how much an activation at the end of
            the layer can stretch all of this.
        refusal: Why nothing is known of the arithmetic of other libraries, or
            `None`.
        box: Function of a pair `(lower, upper)` for each input that returns
            such a pair for the output, with at most twice the terms and twice
            the roundings, and eight; or `None`.
        selection: Function of such a pair, or `None`: what follows `box` where
            the layer ends with an activation that compares, selects and rounds
            nothing. What was rounded before may be lost in it.
        affine: `Affine`, or `None` for a layer that is none, its activation
            aside.
        rectifies: Whether the activation is `max(x, 0)`.
        kinks: Tuple of where the activation, if it is linear in between, is
            not smooth; `None` where it is not.
    """

    compute: Callable
    roundings: int = 0
    offset: np.ndarray | float = 0.0
    spread: float = 0.0
    absolute: Callable | None = None
    gain: float | None = None
    slope: float = 1.0
    refusal: str | None = None
    box: Callable | None = None
    selection: Callable | None = None
    affine: Affine | None = None
    rectifies: bool = False
    kinks: tuple | None = None

    @property
    def rounds(self):
        """Whether anything is rounded at all."""
        return bool(self.roundings or self.spread)

    def then(self, after):
        """This evaluation followed by that of an activation."""
        box, selection = self.box, after.box
        if after.rounds or not (box and selection):
            box, selection = _one_after_the_other(box, selection), None
        return dataclasses.replace(
            self,
            compute=lambda *inputs: after.compute(self.compute(*inputs)),
            roundings=self.roundings + after.roundings,
            offset=np.abs(self.offset) + after.offset,
            spread=self.spread + after.spread,
            absolute=self.absolute
            and (lambda *inputs: self.absolute(*inputs) + after.offset),
            slope=self.slope * after.slope,
            refusal=self.refusal or after.refusal,
            box=box,
            selection=selection,
            affine=after.affine and self.affine,
            rectifies=after.rectifies,
            kinks=after.kinks,
        )


def _one_after_the_other(first, second):
    """Two functions of boxes as one, if there are both."""
    return first and second and (lambda *boxes: second(first(*boxes)))


def register_evaluation(*layer_types):
    """Registers how a layer is computed in float64 and how it rounds.

    Args:
        *layer_types: The layer classes that the evaluation serves.

    Returns:
        A decorator for a function `evaluation(layer, step)` that returns an
        `Evaluation`; `step` has the shapes.

    Example:

    ```python
    @keras_lipschitz.certification.register_evaluation(Negate)
    def negate(layer, step):
        return keras_lipschitz.certification.Evaluation(lambda x: -x)
    ```
    """

    def decorator(evaluation):
        for layer_type in layer_types:
            _EVALUATIONS[layer_type] = evaluation
        return evaluation

    return decorator


def registered_evaluation(layer):
    """The registered function for a layer, or `None`. Goes by exact type."""
    return _EVALUATIONS.get(type(layer))


def increasing_box(compute):
    """The `box` of a layer whose entries never fall when its inputs rise."""

    def box(*boxes):
        lowers, uppers = zip(*boxes, strict=True)
        return compute(*lowers), compute(*uppers)

    return box


def monotone_box(compute):
    """The `box` of a layer of monotone functions of one entry each."""

    def box(ends):
        one, other = map(compute, ends)
        return np.minimum(one, other), np.maximum(one, other)

    return box


def kinked_box(compute):
    """The `box` of functions that are monotone on each side of zero, and
    zero there."""
    monotone = monotone_box(compute)

    def box(ends):
        lower, upper = monotone(ends)
        crosses = (ends[0] < 0.0) & (ends[1] > 0.0)
        return (
            np.where(crosses, np.minimum(lower, 0.0), lower),
            np.where(crosses, np.maximum(upper, 0.0), upper),
        )

    return box


def spread_of(*numbers):
    """How far the float32 of Python numbers is from them, relatively."""
    for number in numbers:
        array = np.asarray(number, "float64")
        with np.errstate(over="ignore"):
            if np.any(array.astype("float32") != array):
                return 2.0**-23
    return 0.0
