"""What a comparison has finished so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gradflow.analysis.convergence.comparison import Comparison
from gradflow.cli.plan import Ground, Plan
from gradflow.studies import Study
from gradflow.trajectory import Outcome, Trajectory

# Ends of runs that are no whole ones.
PARTIAL = (Outcome.INTERRUPTED, Outcome.FAILED, Outcome.BUDGET)


@dataclass(eq=False)
class Finished:
    """One run, how long it took, how sharp the loss is where it ended, and how far it is from the flow."""

    run: Trajectory
    seconds: float
    learning_rate: float | None = None
    comparison: Comparison | None = None
    sharpness: float | None = None

    @property
    def name(self) -> str:
        """The learning rate in all its digits; `flow` for the flow."""
        return "flow" if self.learning_rate is None else f"{self.learning_rate}".removesuffix(".0")

    @property
    def diverged(self) -> bool:
        """Whether the run left the finite numbers, or is on its way there."""
        return self.run.diverged

    @property
    def is_partial(self) -> bool:
        """Whether the run stopped before its end."""
        return self.run.outcome in PARTIAL

    @property
    def outcome(self) -> str:
        """The outcome in a few words."""
        if self.run.outcome is Outcome.DIVERGED and not self.run.is_continuous:
            return f"DIVERGED at step {len(self.run.step_losses):,}"
        if self.run.outcome is Outcome.FINISHED and self.diverged:
            return f"DIVERGING, loss {self.run.final_loss / self.run.losses[0]:.1g}-fold"
        if self.run.outcome is Outcome.FINISHED:
            return "finished"
        return self.run.message


@dataclass(eq=False)
class Part:
    """The runs from the starting weights of one seed."""

    ground: Ground
    study: Study
    flow: Finished
    descents: list[Finished] = field(default_factory=list)

    @property
    def runs(self) -> list[Finished]:
        """The flow, and the descents that were taken."""
        return [self.flow, *self.descents]


@dataclass(eq=False)
class Results:
    """All runs of a comparison, and the files they were written to."""

    plan: Plan
    parts: list[Part] = field(default_factory=list)
    figures: list[Path] = field(default_factory=list)
    trajectories: list[Path] = field(default_factory=list)
    interrupted: bool = False
    trouble: str | None = None

    @property
    def runs(self) -> list[Finished]:
        """Every run of every seed."""
        return [run for part in self.parts for run in part.runs]

    @property
    def num_missing(self) -> int:
        """How many descents were not begun."""
        asked = len(self.plan.learning_rates) * len(self.plan.grounds)
        return asked - sum(len(part.descents) for part in self.parts)

    @property
    def is_partial(self) -> bool:
        """Whether something that was asked for is missing, or stopped before its end."""
        return self.interrupted or self.num_missing > 0 or any(run.is_partial for run in self.runs)

    def descents_at(self, learning_rate: float) -> list[Finished]:
        """Return the descents of all seeds at one learning rate."""
        return [each for part in self.parts for each in part.descents if each.learning_rate == learning_rate]
