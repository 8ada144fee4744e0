"""Sharpness along runs, beside what their learning rates allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.plots.labels import labelled
from gradflow.plots.legends import legend
from gradflow.plots.limits import limit_label, limit_of, recorded, stable_product_of
from gradflow.plots.logarithmic import first_time, leave_out_zeros, set_time_scale, show_start
from gradflow.plots.style import LIMIT_LINE, SHARPNESS, START_OF_TIME, TIME, Colors, Style, drawing_on, lines
from gradflow.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# A limit 2 / eta above so many times the largest sharpness is left outside the axes.
NEAR = 1.5


def draw_sharpness(
    runs: Mapping[str, Trajectory] | Sequence[Trajectory] | Trajectory,
    *,
    record: str = "sharpness",
    xscale: str | None = None,
    colors: Colors | None = None,
    style: Style | None = None,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Draw the recorded sharpness of each run over flow time and return the axes.

    Beside a descent whose rule says what it is stable below, that limit is drawn dashed in the run's color:
    2 / eta for plain descent, with eta a number or a schedule, (2 + 2 b) / eta for heavy ball. Neither a
    limit far above every sharpness nor a run that diverged stretches the axis.

    Parameters
    ----------
    runs : mapping of str to Trajectory, sequence of Trajectory, or Trajectory
        Runs by the labels of the legend, made with ``record={"sharpness": gradflow.records.sharpness()}``,
        one record for each run.
    record : str
        The name of that record, of shape (m,), or (m, k) with the largest eigenvalue first.
    xscale : {"linear", "log"}, optional
        Of the axis of time; as it is by default.
    colors, style, ax, **line
        As of `draw_losses`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no run, or one without that record, or `xscale` is unknown.
    """
    runs = labelled("runs", runs, Trajectory)
    for label, run in runs.items():
        if record not in run.records:
            raise ValueError(f"`runs` must have recorded {record!r}, got none in {label!r}")
    looks = lines(runs, colors, line)
    with drawing_on(ax, style) as ax:
        set_time_scale(ax, xscale)
        drawn = []
        for label, run in runs.items():
            drawn += ax.plot(*recorded(run, record), label=label, **looks[label])
        starts: list[Any] = [(*each.get_data(), each.get_color()) for each in drawn]
        set_sharpness_limits(ax, list(runs.values()), record)
        for label, run in runs.items():
            if (limit := limit_of(run)) is not None:
                drawn += ax.plot(run.times, limit, **{**LIMIT_LINE, "color": looks[label]["color"]})
        for product in sorted({product for run in runs.values() if (product := stable_product_of(run))}):
            ax.plot([], [], label=limit_label(product), **LIMIT_LINE)
        if ax.get_xscale() == "log":
            first = first_time((run.step_times, run.is_continuous) for run in runs.values())
            if first is not None:
                show_start(ax, starts, first, START_OF_TIME)
        leave_out_zeros(ax, drawn)
        ax.set(xlabel=TIME, ylabel=SHARPNESS)
        legend(ax)
    return ax


def set_sharpness_limits(ax: Axes, runs: list[Trajectory], record: str) -> None:
    """End the axis above the sharpness of the runs that stay, and above a limit 2 / eta that is near it."""
    values = np.concatenate([recorded(run, record)[1] for run in runs if not run.diverged] or [np.empty(0)])
    values = values[np.isfinite(values)]
    if not values.size or values.max() <= 0:
        return
    limits = [float(limit.max()) for run in runs if (limit := limit_of(run)) is not None]
    near = [limit for limit in limits if limit <= NEAR * values.max()]
    ax.set_ylim(min(0.0, 1.1 * values.min()), 1.1 * max([values.max(), *near]))
