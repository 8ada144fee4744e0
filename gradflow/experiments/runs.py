"""The runs of an experiment: whole, or the experiment ends there."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from gradflow import simulate
from gradflow.simulate.whole import whole
from gradflow.trajectory import Trajectory

# What a trajectory has one of for each row, besides weights and states.
COLUMNS = ("times", "steps", "losses", "learning_rates", "velocities", "loss_slopes")
# Whether the runs of the experiment that is being run show a bar.
PROGRESS: ContextVar[bool] = ContextVar("progress", default=False)


def _whole(make: Callable[..., Trajectory]) -> Callable[..., Trajectory]:
    """Return `make` for whole runs only, with a bar where the command line asks for it."""

    @wraps(make)
    def run(*arguments: Any, **keywords: Any) -> Trajectory:
        return whole(make(*arguments, **{"progress": PROGRESS.get(), **keywords}))

    return run


# `gradflow.integrate` and `gradflow.descend`, which raise `Unfinished` instead of returning a part of a run.
integrate = _whole(simulate.integrate)
descend = _whole(simulate.descend)


def thinned(run: Trajectory, most: int) -> Trajectory:
    """Return a run with at most so many of its rows, evenly spread, the first and the last among them.

    Records keep all their values and times, and every step its loss, so that a file of it is small and a
    figure the same.

    Parameters
    ----------
    run : Trajectory
    most : int
        At least 2.

    Examples
    --------
    >>> from gradflow.problems import Quadratic
    >>> run = thinned(descend(Quadratic(1.0), [1.0], 0.5, 100), 5)
    >>> run.steps, len(run.step_losses)
    (array([  0,  25,  50,  75, 100]), 101)
    """
    if len(run.times) <= most:
        return run
    rows = np.unique(np.rint(np.linspace(0, len(run.times) - 1, most)).astype(np.int64))
    weights = run.weights[rows]
    columns: dict[str, Any] = {name: vars(run)[name] for name in COLUMNS if vars(run)[name] is not None}
    return replace(
        run,
        weights=weights,
        states=weights if run.states is run.weights else run.states[rows],
        **{name: values[rows] for name, values in columns.items()},
    )
