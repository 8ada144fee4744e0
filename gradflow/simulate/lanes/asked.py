"""What is asked of many descents, in one form."""

from __future__ import annotations

from dataclasses import dataclass

from gradflow.problems.batched import Batched
from gradflow.simulate.lanes.moves import Make
from gradflow.simulate.lanes.pack import Descents
from gradflow.simulate.lanes.sizes import lanes_of
from gradflow.types import Array


@dataclass(frozen=True)
class Asked:
    """The arguments of `descend_many` that all runs share, checked."""

    last_step: int
    make: Make | None
    loss_tolerance: float | None
    gradient_tolerance: float | None
    repeats: float | None
    record_every: int | None

    @property
    def kept_steps(self) -> range | None:
        """The steps at which rows are kept."""
        return None if self.record_every is None else range(0, self.last_step + 1, self.record_every)

    def descents(self, problem: Batched, numbers: Array, num_weights: int) -> Descents:
        """Return what a pack needs to know, with the step of each run."""
        return Descents(
            lanes_of(problem, num_weights),
            numbers,
            self.last_step,
            self.loss_tolerance,
            self.gradient_tolerance,
            self.repeats,
        )
