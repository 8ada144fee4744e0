"""Many runs in a loop over `descend` or `integrate`, where a problem or a flow has no batched form."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gradflow.errors import CostWarning
from gradflow.problems.completed import kind_of
from gradflow.problems.problem import Problem
from gradflow.simulate.descend import descend
from gradflow.simulate.lanes.asked import Asked
from gradflow.simulate.lanes.ledger import Ledger
from gradflow.simulate.lanes.many_runs import CODES, ManyRuns
from gradflow.simulate.place import Place
from gradflow.simulate.progress import Progress
from gradflow.trajectory import Outcome, Trajectory
from gradflow.types import Array


class LossReached:
    """A callback that ends a run once its loss is at most a tolerance."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance

    def at_place(self, place: Place) -> bool:
        """Return whether the loss is small enough."""
        return place.loss <= self._tolerance


def descended(problem: Problem, W0: Array, learning_rates: Array, asked: Asked, k: int) -> Trajectory:
    """Return run k of many descents."""
    reached = None if asked.loss_tolerance is None else LossReached(asked.loss_tolerance)
    rate = float(learning_rates[k])
    return descend(
        problem,
        W0[k],
        rate if asked.make is None else asked.make(rate),
        asked.last_step,
        record_every=asked.record_every or asked.last_step,
        gradient_tolerance=asked.gradient_tolerance,
        callback=reached,
    )


def warn_of_loop(problem: Any, what: str) -> None:
    """Say once for each kind of problem that its runs are made one by one."""
    sentence = f"{kind_of(problem)} {what}: its runs are made one by one"
    if sentence not in _SAID:
        _SAID.add(sentence)
        warnings.warn(sentence, CostWarning, stacklevel=3)


_SAID: set[str] = set()


def gathered(run: Callable[[int], Trajectory], starts: Array, steps: range | None, bar: Progress) -> ManyRuns:
    """Return the runs 0 to K - 1, one after another; those not begun stay at their start.

    Parameters
    ----------
    run : callable
        Makes the run of a number.
    starts : ndarray, shape (K, n)
    steps : range, optional
        The steps at which rows are kept.
    bar : Progress
        Moved as runs end.
    """
    ledger = Ledger(starts, steps, bar)
    for k in range(len(starts)):
        one = run(k)
        _enter(ledger, k, one)
        if one.outcome is Outcome.INTERRUPTED:
            break
    return ledger.closed()


def _enter(ledger: Ledger, k: int, run: Trajectory) -> None:
    ended = Outcome.CONVERGED if run.outcome is Outcome.EVENT else run.outcome
    if ended is Outcome.FAILED:
        ledger.messages[k] = run.message
    if ledger.recorded is not None:
        rows = np.flatnonzero(run.steps % ledger.every == 0)
        ledger.keep(np.full(rows.size, k), run.steps[rows], run.losses[rows], run.weights[rows])
    ledger.times[k] = run.times[-1]
    ledger.enter(
        np.array([k]),
        run.final_weights,
        np.array([run.final_loss]),
        np.array([CODES[ended]]),
        run.steps[-1:],
        np.array([run.num_gradients]),
    )
