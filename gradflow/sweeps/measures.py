"""What may be asked of the points of a sweep: functions of a group of runs of one problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.convergence import compare
from gradflow.analysis.stability import critical_learning_rate, regimes_of_many
from gradflow.flows import GradientFlow
from gradflow.problems.problem import Problem
from gradflow.rules import GradientDescent, UpdateRule
from gradflow.simulate import descend, integrate
from gradflow.simulate.lanes import ManyRuns, descend_many
from gradflow.simulate.lanes.many_runs import uninterrupted
from gradflow.trajectory import Outcome, Trajectory
from gradflow.types import Array

RuleOf = Callable[[float], UpdateRule]
FLOW_RTOL = 1e-6


@dataclass(frozen=True, eq=False)
class Group:
    """Points of a sweep that share their problem, one row each.

    Attributes
    ----------
    problem : Problem
    starts : ndarray, shape (K, n)
        Starting weights.
    learning_rates : ndarray, shape (K,)
    num_steps : int
        Of each descent.
    rule : callable
        From a learning rate to an update rule.
    threads : int
        How many may be used.
    """

    problem: Problem
    starts: Array
    learning_rates: Array
    num_steps: int
    rule: RuleOf = GradientDescent
    threads: int = 1

    @cached_property
    def runs(self) -> ManyRuns:
        """All descents at once, in lanes."""
        runs = descend_many(
            self.problem,
            self.starts,
            self.learning_rates,
            self.num_steps,
            rule=self.lane_rule,
            threads=self.threads,
        )
        return uninterrupted(runs)

    @property
    def lane_rule(self) -> RuleOf | None:
        """The rule, None for plain descent, which lanes know best."""
        return None if self.rule is GradientDescent else self.rule

    def run(self, row: int) -> Trajectory:
        """Return one descent with its path."""
        rule = self.rule(float(self.learning_rates[row]))
        return _whole(descend(self.problem, self.starts[row], rule, self.num_steps))

    @cached_property
    def same_start(self) -> list[list[int]]:
        """The rows of each starting point: what does not depend on the learning rate is computed once."""
        rows: dict[bytes, list[int]] = {}
        for row, start in enumerate(self.starts):
            rows.setdefault(start.tobytes(), []).append(row)
        return list(rows.values())


def _whole(run: Trajectory) -> Trajectory:
    """Return a run, unless it was interrupted: then so is what it is for."""
    if run.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    return run


Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
Measure = Callable[[Group], Columns]


def ends(group: Group) -> Columns:
    """Return where each descent ended: its outcome, last finite loss, steps and gradients."""
    runs = group.runs
    return {
        "outcome": [each.name for each in runs.outcomes],
        "final_loss": runs.losses,
        "num_steps": runs.num_steps,
        "num_gradients": runs.num_gradients,
    }


def regimes(group: Group) -> Columns:
    """Return what each learning rate did to its run, see `gradflow.analysis.stability.regime`."""
    verdicts = regimes_of_many(
        group.problem,
        group.starts,
        group.learning_rates,
        group.num_steps,
        rule=group.lane_rule,
        threads=group.threads,
    )
    return {"regime": verdicts.names.tolist()}


def critical_rates(group: Group) -> Columns:
    """Return the learning rate beyond which descent from each start no longer converges, nan if none is."""
    values = np.full(len(group.starts), np.nan)
    rule = None if group.rule is GradientDescent else group.rule(1.0)
    for rows in group.same_start:
        start = group.starts[rows[0]]
        try:
            values[rows] = critical_learning_rate(group.problem, start, rule=rule, num_steps=group.num_steps)
        except ValueError:
            # The answer is the same at all learning rates that were tried.
            continue
    return {"critical_rate": values}


def distances(group: Group) -> Columns:
    """Return the largest distance of each descent to the flow from its start at equal flow time.

    Of a descent that diverged it is that over its finite rows.
    """
    values = np.full(len(group.starts), np.nan)
    for rows in group.same_start:
        start = group.starts[rows[0]]
        runs = [group.run(row) for row in rows]
        end = max(run.times[-1] for run in runs)
        if end > 0:
            flow = _whole(integrate(GradientFlow(group.problem), start, end, rtol=FLOW_RTOL))
            values[rows] = [compare(run, flow).distance.max() for run in runs]
    return {"largest_distance": values}
