"""Many runs in a loop over `descend` or `integrate`, where a problem or a flow has no batched form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradflow.simulate.lanes.many_runs import CODES, ManyRuns, Recorded
from gradflow.simulate.place import Place
from gradflow.simulate.progress import Progress
from gradflow.trajectory import Outcome, Trajectory


class LossReached:
    """A callback that ends a run once its loss is at most a tolerance."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance

    def at_place(self, place: Place) -> bool:
        """Return whether the loss is small enough."""
        return place.loss <= self._tolerance


def gathered(
    run: Callable[[int], Trajectory], starts: Any, steps: Any = None, progress: bool = False
) -> ManyRuns:
    """Return the runs 0 to K - 1, one after another; those not begun stay at their start.

    Parameters
    ----------
    run : callable
        Makes the run of a number.
    starts : ndarray, shape (K, n)
    steps : range, optional
        The steps at which rows are kept.
    progress : bool
        Show a progress bar over runs.
    """
    num_runs = len(starts)
    weights, losses = np.array(starts), np.full(num_runs, np.nan)
    codes = np.full(num_runs, CODES[Outcome.INTERRUPTED])
    num_steps, num_gradients = np.zeros((2, num_runs), dtype=np.int64)
    times, messages = np.zeros(num_runs), {}
    kept = None if steps is None else _empty(steps, weights.shape)
    with Progress(progress, 0, num_runs, "runs") as bar:
        for k in range(num_runs):
            one = run(k)
            ended = one.outcome
            if ended is Outcome.EVENT:
                ended = Outcome.CONVERGED
            weights[k], losses[k], codes[k] = one.final_weights, one.final_loss, CODES[ended]
            num_steps[k], num_gradients[k], times[k] = one.steps[-1], one.num_gradients, one.times[-1]
            if ended is Outcome.FAILED:
                messages[k] = one.message
            if kept is not None and steps is not None:
                _keep(kept, k, one, steps)
            bar.reach(k + 1, one.final_loss)
            if ended is Outcome.INTERRUPTED:
                break
    return ManyRuns(weights, losses, codes, num_steps, num_gradients, times, kept, messages)


def _empty(steps: range, shape: tuple[int, int]) -> Recorded:
    num_runs, num_weights = shape
    rows = np.full((num_runs, len(steps), num_weights), np.nan)
    return Recorded(np.array(steps), rows[..., 0].copy(), rows)


def _keep(kept: Recorded, k: int, run: Trajectory, steps: range) -> None:
    on_grid = run.steps % steps.step == 0
    places = run.steps[on_grid] // steps.step
    kept.losses[k, places], kept.weights[k, places] = run.losses[on_grid], run.weights[on_grid]
