"""What each learning rate does to one problem: the runs, their regimes and the critical learning rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.analysis.stability import Regime, critical_learning_rate, regime
from gradflow.cli.grounds import Ground
from gradflow.cli.heartbeat import Heartbeat, on_terminal
from gradflow.cli.results import PARTIAL
from gradflow.cli.subjects import Subject
from gradflow.problems.problem import Problem
from gradflow.simulate import descend
from gradflow.trajectory import Outcome, Trajectory

if TYPE_CHECKING:
    from gradflow.cli.update_rules import Make

QUESTIONS = {"monotone": "the loss never rises", "converges": "the steps die away"}
TOLERANCE = 1e-3


@dataclass(eq=False)
class Verdict:
    """What was found from the starting weights of one seed."""

    ground: Ground
    critical: dict[str, float | None] = field(default_factory=dict)
    runs: dict[float, Trajectory] = field(default_factory=dict)
    regimes: dict[float, Regime] = field(default_factory=dict)


@dataclass(eq=False)
class Verdicts:
    """What was asked, what was found, and whatever could not be written."""

    subject: Subject
    problem: Problem
    rule: str
    make: Make
    grounds: tuple[Ground, ...]
    learning_rates: tuple[float, ...]
    steps: int
    precision: str
    output: Path
    replaces: bool
    found: list[Verdict] = field(default_factory=list)
    partial: tuple[float, Trajectory] | None = None
    figures: list[Path] = field(default_factory=list)
    trajectories: list[Path] = field(default_factory=list)
    interrupted: bool = False
    trouble: str | None = None

    @property
    def is_partial(self) -> bool:
        """Whether something that was asked for is missing."""
        whole = [verdict for verdict in self.found if len(verdict.regimes) == len(self.learning_rates)]
        return len(whole) < len(self.grounds)


def judge(verdicts: Verdicts, beat: Heartbeat) -> None:
    """Fill in what is found, seed after seed; a run that is no whole one ends it."""
    for ground in verdicts.grounds:
        beat.prefix = f"seed {ground.seed}, " if len(verdicts.grounds) > 1 else ""
        verdict = Verdict(ground)
        verdicts.found.append(verdict)
        for rate in verdicts.learning_rates:
            run = _run(verdicts, ground, rate, beat)
            if run.outcome in PARTIAL:
                verdicts.partial = rate, run
                verdicts.interrupted = run.outcome is Outcome.INTERRUPTED
                return
            verdict.runs[rate] = run
            beat.stage(f"verdict on learning rate {rate:g}")
            verdict.regimes[rate] = regime(run, verdicts.problem)
        verdict.critical = _critical_rates(verdicts, ground, beat.stage)


def _run(verdicts: Verdicts, ground: Ground, rate: float, beat: Heartbeat) -> Trajectory:
    return descend(
        verdicts.problem,
        ground.w0,
        verdicts.make(rate),
        verdicts.steps,
        record_every=max(1, verdicts.steps // 100),
        progress=on_terminal() or (lambda _, share, loss: beat.reach(f"learning rate {rate:g}", share, loss)),
    )


def _critical_rates(
    verdicts: Verdicts, ground: Ground, stage: Callable[[str], None]
) -> dict[str, float | None]:
    critical = {}
    for question, what in QUESTIONS.items():
        stage(f"critical learning rate, up to which {what}")
        critical[question] = _critical(verdicts, ground, question)
    converges, monotone = critical["converges"], critical["monotone"]
    if converges is not None and converges < (monotone or 0.0):
        # Too few steps to tell: the loss still falls, and the steps do not die away at any learning rate.
        critical["converges"] = None
    return critical


def _critical(verdicts: Verdicts, ground: Ground, question: str) -> float | None:
    try:
        return critical_learning_rate(
            verdicts.problem,
            ground.w0,
            question=question,
            rule=verdicts.make(1.0),
            num_steps=verdicts.steps,
            tol=TOLERANCE,
        )
    except ValueError:
        return None
