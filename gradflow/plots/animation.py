"""Runs that move: the path of each one up to a flow time that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradflow import validate
from gradflow.files import written_whole
from gradflow.plots.labels import labelled
from gradflow.plots.path import draw_path
from gradflow.plots.style import in_style
from gradflow.problems.problem import Problem
from gradflow.trajectory import Trajectory
from gradflow.types import Array

WRITERS = {".gif": "pillow", ".mp4": "ffmpeg", ".webm": "ffmpeg"}
DOTS_PER_INCH = 150


def animate_path(
    problem: Problem,
    runs: Mapping[str, Trajectory] | Sequence[Trajectory] | Trajectory,
    path: str | Path,
    *,
    num_frames: int = 60,
    frames_per_second: int = 15,
    times: Sequence[float] | None = None,
    **options: Any,
) -> Path:
    """Write a film of `draw_path` in which all runs go on with one flow time, and return its path.

    A flow glides; a descent stays where it is until its next step is due.

    Parameters
    ----------
    problem, runs
        As of `draw_path`.
    path : str or Path
        Ending in ``.gif``, or in ``.mp4`` or ``.webm`` where ffmpeg is installed.
    num_frames : int
        Evenly spaced in flow time, to the end of the longest run.
    frames_per_second : int
    times : sequence of float, optional
        The flow time of each frame, in place of even ones.
    **options
        As of `draw_path`.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If `path` has another suffix or nothing is installed that writes it, or as of `draw_path`.
    OSError
        If the folder cannot be written.
    """
    from matplotlib.animation import writers

    place = Path(path)
    name = WRITERS.get(place.suffix.lower())
    if name is None:
        raise ValueError(f"`path` must end in .gif, .mp4 or .webm, got {str(path)!r:.90}")
    if not writers.is_available(name):
        raise ValueError(f"`path` must end in .gif where {name} is not installed, got {str(path)!r:.90}")
    named = labelled("runs", runs, Trajectory)
    shown = _times(named, validate.count("num_frames", num_frames), times)
    writer = writers[name](fps=validate.count("frames_per_second", frames_per_second))
    ax = draw_path(problem, named, **options)
    figure: Any = ax.figure
    moving: dict[str, Any] = {
        label: next(each for each in ax.get_lines() if each.get_label() == label) for label in named
    }
    whole = {label: line.get_xydata().copy() for label, line in moving.items()}
    with written_whole(place) as (temporary,), in_style():
        # The writers of matplotlib know the format by the suffix.
        film = temporary.with_suffix(place.suffix.lower())
        try:
            with writer.saving(figure, str(film), DOTS_PER_INCH):
                for time in shown:
                    for label, run in named.items():
                        moving[label].set_data(*_until(run, whole[label], time).T)
                    ax.set_title(f"$t = {time:.4g}$")
                    writer.grab_frame()
            film.replace(temporary)
        finally:
            film.unlink(missing_ok=True)
            for label, points in whole.items():
                moving[label].set_data(*points.T)
    return place


def _times(runs: Mapping[str, Trajectory], count: int, times: Any) -> Array:
    if times is not None:
        return validate.array("times", times, 1)
    return np.linspace(0.0, max(float(run.times[-1]) for run in runs.values()), count)


def _until(run: Trajectory, points: Array, time: float) -> Array:
    """Return the points of a path that are reached at a flow time, a flow's last one between two rows."""
    times = run.times[: len(points)]
    reached = max(int(np.searchsorted(times, time, side="right")), 1)
    if not run.is_continuous or reached == len(times):
        return points[:reached]
    left, right = times[reached - 1 : reached + 1]
    between = points[reached - 1] + (time - left) / (right - left) * (points[reached] - points[reached - 1])
    return np.vstack([points[:reached], between])
