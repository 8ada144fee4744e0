"""What a comparison has finished so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gradflow.analysis.convergence.comparison import Comparison
from gradflow.cli.plan import Plan
from gradflow.trajectory import Outcome, Trajectory


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
class Results:
    """All runs of a comparison, and the files they were written to."""

    plan: Plan
    sharpness: float | None = None
    flow: Finished | None = None
    descents: list[Finished] = field(default_factory=list)
    figures: list[Path] = field(default_factory=list)
    trajectories: list[Path] = field(default_factory=list)
    interrupted: bool = False
    trouble: str | None = None

    @property
    def limit(self) -> float | None:
        """The stability limit 2 / lambda at the start, None where the loss does not curve upwards."""
        return 2 / self.sharpness if self.sharpness is not None and self.sharpness > 0 else None
