"""The runs of an experiment: whole, or the experiment ends there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import numpy as np

from gradflow import simulate
from gradflow.simulate.whole import whole
from gradflow.trajectory import Trajectory

# What a trajectory has one of for each row, besides weights and states.
COLUMNS = ("times", "steps", "losses", "learning_rates", "velocities", "loss_slopes")
# So many of the last runs are remembered while an experiment goes on.
MOST_KEPT = 20


@dataclass(frozen=True)
class Watch:
    """What is remembered of an experiment that is being run: bars or none, and its last runs."""

    progress: bool = False
    reached: deque[Trajectory] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))


WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(progress: bool) -> Iterator[Watch]:
    """Remember the runs that are made inside, with bars or without."""
    watch = Watch(progress)
    token = WATCH.set(watch)
    try:
        yield watch
    finally:
        WATCH.reset(token)


def _whole(make: Callable[..., Trajectory]) -> Callable[..., Trajectory]:
    """Return `make` for whole runs only, with a bar where the command line asks for it."""

    @wraps(make)
    def run(*arguments: Any, **keywords: Any) -> Trajectory:
        watch = WATCH.get()
        if watch is None:
            return whole(make(*arguments, **keywords))
        made = make(*arguments, **{"progress": watch.progress, **keywords})
        watch.reached.append(made)
        return whole(made)

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
