"""Sharpness along runs, beside what their learning rates allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.plots import style
from gradflow.plots.labels import labelled
from gradflow.rules import GradientDescent
from gradflow.trajectory import Trajectory
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# A limit 2 / eta above so many times the largest sharpness is left outside the axes.
NEAR = 2.0


def draw_sharpness(
    runs: Mapping[str, Trajectory] | Sequence[Trajectory] | Trajectory,
    *,
    record: str = "sharpness",
    ax: Axes | None = None,
) -> Axes:
    """Draw the recorded sharpness of each run over flow time and return the axes.

    Beside plain gradient descent with a learning rate eta that is a number or a schedule, 2 / eta is
    drawn dashed in the run's color: descent is linearly stable where its sharpness lies below. Neither a
    limit far above every sharpness nor a run that diverged stretches the axis.

    Parameters
    ----------
    runs : mapping of str to Trajectory, sequence of Trajectory, or Trajectory
        Runs by the labels of the legend, made with
        ``record={"sharpness": lambda t, w: sharpness(problem, w)}``.
    record : str
        The name of that record.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no run, or one without that record.
    """
    runs = labelled("runs", runs, Trajectory)
    for label, run in runs.items():
        if record not in run.records:
            raise ValueError(f"`runs` must have recorded {record!r}, got none in {label!r}")
    with style.drawing_on(ax) as ax:
        for (label, line), run in zip(style.lines(runs).items(), runs.values(), strict=True):
            ax.plot(run.record_times[record], run.records[record], label=label, **line)
            if (limit := limit_of(run)) is not None:
                ax.plot(run.times, limit, **{**style.LIMIT_LINE, "color": line["color"]})
        if any(limit_of(run) is not None for run in runs.values()):
            ax.plot([], [], label=r"limit $2/\eta$", **style.LIMIT_LINE)
        _set_limits(ax, list(runs.values()), record)
        ax.set(xlabel=style.TIME, ylabel=style.SHARPNESS)
        style.legend(ax)
    return ax


def limit_of(run: Trajectory) -> Array | None:
    """Return 2 / eta at each row of plain gradient descent, None of any other rule, whatever its name."""
    if run.learning_rates is None or type(_rule(run)) is not GradientDescent:
        return None
    return 2 / run.learning_rates


def _rule(run: Trajectory) -> Any:
    try:
        return run.rule
    except ValueError:
        return None  # A file of a class that is not here.


def _set_limits(ax: Axes, runs: list[Trajectory], record: str) -> None:
    """End the axis above the sharpness of the runs that stay, and above a limit 2 / eta that is near it."""
    values = np.concatenate([run.records[record] for run in runs if not run.diverged] or [np.empty(0)])
    values = values[np.isfinite(values)]
    if not values.size or values.max() <= 0:
        return
    limits = [float(limit.max()) for run in runs if (limit := limit_of(run)) is not None]
    near = [limit for limit in limits if limit <= NEAR * values.max()]
    ax.set_ylim(min(0.0, 1.1 * values.min()), 1.1 * max([values.max(), *near]))
