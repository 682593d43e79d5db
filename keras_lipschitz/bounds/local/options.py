import dataclasses

from keras_lipschitz._numbers import check_count
from keras_lipschitz._numbers import check_range
from keras_lipschitz._numbers import is_amount

WORST_CASES = ("ball", "ball_and_box")


@dataclasses.dataclass(frozen=True)
class LocalOptions:
    """The arguments of `LocalLipschitz`, checked."""

    steps: int = 1
    evaluation_steps: int = 10
    layers: tuple | None = None
    worst_case: str = "ball"
    rounds: int = 1
    intervals: bool = True
    box_gradient: bool = False
    valid_range: tuple | None = None
    sparsity: float = 0.0

    def __post_init__(self):
        check_count("steps", self.steps, at_least=1)
        check_count("evaluation_steps", self.evaluation_steps, at_least=1)
        check_count("rounds", self.rounds)
        if self.worst_case not in WORST_CASES:
            raise ValueError(
                f"`worst_case` should be one of {WORST_CASES}. Received: "
                f"worst_case={self.worst_case!r}"
            )
        if not is_amount(self.sparsity) or (
            self.sparsity and not self.box_gradient
        ):
            raise ValueError(
                "`sparsity` should be a number, zero or more, and zero without "
                f"box_gradient=True. Received: sparsity={self.sparsity!r}, "
                f"box_gradient={self.box_gradient}"
            )
        # From a file they come as lists.
        if self.layers is not None:
            object.__setattr__(self, "layers", tuple(self.layers))
        if self.valid_range is not None:
            ends = check_range("valid_range", self.valid_range)
            object.__setattr__(self, "valid_range", ends)
