"""Two pieces of one run made into one trajectory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.trajectory.crossings import Crossings
from gradflow.trajectory.trajectory import Trajectory
from gradflow.types import Array


def joined(earlier: Trajectory, later: Trajectory) -> Trajectory:
    """Return one trajectory of a run and what went on from its end.

    The place where they meet is the later run's: its row stands where that run keeps one, its loss is the
    one that run evaluated. A record that only one of them has is nan in the rows of the other.

    Raises
    ------
    ValueError
        If the later run does not begin where the earlier one ended.
    """
    meeting = later.step_times[0]
    if meeting != earlier.step_times[-1] or later.weights.shape[1:] != earlier.weights.shape[1:]:
        raise ValueError(
            f"`later` must begin where the earlier run ended, at t = {earlier.step_times[-1]:.9g}, "
            f"got t = {meeting:.9g}"
        )
    before = earlier.times < meeting

    def both(name: str) -> Any:
        first, second = getattr(earlier, name), getattr(later, name)
        return None if first is None or second is None else np.concatenate([first[before], second])

    times, weights = both("times"), both("weights")
    stateless = earlier.states is earlier.weights and later.states is later.weights
    records = {
        name: _records(earlier, later, name, before, meeting)
        for name in dict.fromkeys([*earlier.records, *later.records])
    }
    return replace(
        later,
        times=times,
        weights=weights,
        states=weights if stateless else both("states"),
        **{name: both(name) for name in ("steps", "losses", "learning_rates", "velocities", "loss_slopes")},
        records={name: values for name, (values, _) in records.items()},
        record_times={
            name: times if own_times is None else own_times for name, (_, own_times) in records.items()
        },
        crossings=_crossings(earlier, later),
        step_times=np.concatenate([earlier.step_times[:-1], later.step_times]),
        step_losses=np.concatenate([earlier.step_losses[:-1], later.step_losses]),
        num_gradients=earlier.num_gradients + later.num_gradients,
        num_hvps=earlier.num_hvps + later.num_hvps,
        method=later.method if later.method == earlier.method else f"{earlier.method}; {later.method}",
    )


def _records(
    earlier: Trajectory, later: Trajectory, name: str, before: NDArray[np.bool_], meeting: float
) -> tuple[NDArray[Any], Array | None]:
    """Return the values of a record, and their times where these are not the rows'."""
    of_rows = all(run.record_times.get(name, run.times) is run.times for run in (earlier, later))
    if of_rows:
        shape = (later if name in later.records else earlier).records[name].shape[1:]
        first = earlier.records.get(name, np.full((len(before), *shape), np.nan))[before]
        second = later.records.get(name, np.full((len(later.times), *shape), np.nan))
        return np.concatenate([first, second]), None
    parts = [(run.records[name], run.record_times[name]) for run in (earlier, later) if name in run.records]
    if len(parts) == 2:
        early = parts[0][1] < meeting
        parts[0] = parts[0][0][early], parts[0][1][early]
    values, times = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(times)


def _crossings(earlier: Trajectory, later: Trajectory) -> dict[str, Crossings]:
    names = dict.fromkeys([*earlier.crossings, *later.crossings])
    runs = {
        name: [run.crossings[name] for run in (earlier, later) if name in run.crossings] for name in names
    }
    return {
        name: Crossings(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
        for name, found in runs.items()
    }
