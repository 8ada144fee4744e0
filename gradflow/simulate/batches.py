"""The samples that each step of a mini-batch run sees."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.errors import CostWarning
from gradflow.problems.problem import Problem, Sampled

# Where the loss of the whole problem is evaluated.
ROWS, EVERY = "rows", "every"
# Rows are warned of where their losses take so many times the samples that all batches do, and so many.
TIMES, LEAST = 20, 1_000_000


class Batches:
    """Batches of equal size from an endless stream of orders of the samples.

    Each time round takes every sample once, in the given order or reshuffled. A batch may begin in
    one round and end in the next, so every sample counts the same in the long run.
    """

    def __init__(self, problem: Problem, size: int, seed: int | None) -> None:
        if not isinstance(problem, Sampled):
            raise ValueError(
                f"`batch` must be None for a problem without samples, got {size!r:.60} for {problem!r:.60}; "
                "give gf.problems.from_callables `num_samples` and `loss_and_gradient(w, indices)`, or a "
                "class `num_samples` and `subset(indices)`, see gf.problems.as_problem"
            )
        self._problem = problem
        self.size = validate.count("batch", size)
        if self.size > problem.num_samples:
            raise ValueError(f"`batch` must be at most the {problem.num_samples} samples, got {size}")
        self._rng = None if seed is None else np.random.default_rng(validate.whole("seed", seed))
        self._waiting: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._next = 0

    @property
    def clock_share(self) -> float:
        """Share of a full step's flow time: |batch| / N of a summed loss, 1 of an averaged one."""
        return 1.0 if self._problem.averaged else self.size / self._problem.num_samples

    def look_at_rows(self, num_rows: int, num_steps: int) -> None:
        """Say before a run if the whole losses at its rows will take far longer than its steps."""
        of_rows, of_steps = num_rows * self._problem.num_samples, max(1, num_steps) * self.size
        if of_rows > max(TIMES * of_steps, LEAST):
            warnings.warn(
                f"the loss of all {self._problem.num_samples:,} samples is evaluated at each of {num_rows:,} "
                f"rows, {of_rows / of_steps:,.0f} times as many samples as the steps take: keep fewer, by "
                "`record_every`",
                CostWarning,
                stacklevel=5,
            )

    def skip(self, num_batches: int) -> None:
        """Come to where a run is after so many batches: whole rounds are drawn and left, no batch is made."""
        count = self._next + num_batches * self.size
        while len(self._waiting) < count:
            count -= len(self._waiting)
            self._waiting = self._order()
        self._next = count

    def following(self) -> Problem:
        """Return the problem on the next batch."""
        first = self._next
        self._next += self.size
        if self._next > len(self._waiting):
            self._waiting = np.concatenate([self._waiting[first:], self._order()])
            first, self._next = 0, self.size
        return self._problem.subset(self._waiting[first : self._next])

    def _order(self) -> NDArray[Any]:
        num_samples = self._problem.num_samples
        return np.arange(num_samples) if self._rng is None else self._rng.permutation(num_samples)


def whole_losses(losses: Any, batch: Any) -> str:
    """Return where the whole loss is evaluated: at rows of a batch run, at every step of any other.

    Raises
    ------
    ValueError
        If `losses` is no such word, or "rows" for a run without batches.
    """
    if losses is None:
        return EVERY if batch is None else ROWS
    if losses not in (ROWS, EVERY):
        raise ValueError(f"`losses` must be {ROWS!r} or {EVERY!r}, got {losses!r:.60}")
    if batch is None and losses == ROWS:
        raise ValueError(
            f"`losses` must be left out without `batch`, got {losses!r}: every step has the whole loss "
            "with its gradient"
        )
    return str(losses)
