"""Where runs in lanes come from and where their ends go; many threads draw and enter at once."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from gradflow.simulate.lanes.many_runs import CODES, ManyRuns, Recorded
from gradflow.simulate.progress import Progress
from gradflow.trajectory import Outcome
from gradflow.types import Array

Runs = NDArray[np.int64]


class Ledger:
    """The rows of `ManyRuns` in the making.

    Parameters
    ----------
    starts : ndarray, shape (K, n)
    recorded_steps : range, optional
        The steps at which rows are kept.
    bar : Progress
        Moved as runs end.
    """

    def __init__(self, starts: Array, recorded_steps: range | None, bar: Progress) -> None:
        num_runs = len(starts)
        self.starts = starts
        self.weights, self.losses = np.array(starts), np.full(num_runs, np.nan)
        self.codes = np.full(num_runs, CODES[Outcome.INTERRUPTED])
        self.num_steps, self.num_gradients = np.zeros((2, num_runs), dtype=np.int64)
        self.times = np.zeros(num_runs)
        self.messages: dict[int, str] = {}
        self.recorded = None if recorded_steps is None else _empty(recorded_steps, self.weights.shape)
        self.every = 0 if recorded_steps is None else recorded_steps.step
        # Other than 0 once work is to stop; compiled code looks at it too.
        self.halt = np.zeros(1, dtype=np.uint8)
        self._bar, self._lock = bar, threading.Lock()
        self._next = self._ended = 0

    def draw(self, most: int) -> Runs:
        """Return the numbers of the next runs, at most so many; none once all are drawn or work stops."""
        with self._lock:
            first = self._next
            if not self.halt[0]:
                self._next = min(first + most, len(self.losses))
            return np.arange(first, self._next)

    def enter(
        self, runs: Runs, weights: Array, losses: Array, codes: NDArray[np.int8], steps: Runs, gradients: Runs
    ) -> None:
        """Note where runs ended, and why."""
        self.weights[runs], self.losses[runs], self.codes[runs] = weights, losses, codes
        self.num_steps[runs], self.num_gradients[runs] = steps, gradients
        if self.recorded is not None:
            for run, step in zip(runs.tolist(), steps.tolist(), strict=True):
                behind = step // self.every + 1
                self.recorded.losses[run, behind:], self.recorded.weights[run, behind:] = np.nan, np.nan
        self.note(runs)

    def note(self, runs: Runs) -> None:
        """Move the bar by runs that have ended."""
        with self._lock:
            self._ended += len(runs)
            if len(runs):
                self._bar.reach(self._ended, float(self.losses[runs[-1]]))

    def keep(self, runs: Runs, steps: Runs, losses: Array, weights: Array) -> None:
        """Keep rows on the way."""
        if self.recorded is not None:
            places = steps // self.every
            self.recorded.losses[runs, places], self.recorded.weights[runs, places] = losses, weights

    def closed(self) -> ManyRuns:
        """Return what there is."""
        return ManyRuns(
            self.weights,
            self.losses,
            self.codes,
            self.num_steps,
            self.num_gradients,
            self.times,
            self.recorded,
            self.messages,
        )


def _empty(steps: range, shape: tuple[int, ...]) -> Recorded:
    num_runs, num_weights = shape
    rows = np.full((num_runs, len(steps), num_weights), np.nan)
    return Recorded(np.array(steps), np.full((num_runs, len(steps)), np.nan), rows)
