"""The loss decrease of flow and descents on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.plots.ceiling import ceiling_of, end_axes_at, mark_exit
from gradflow.plots.labels import labelled
from gradflow.plots.legends import legend
from gradflow.plots.logarithmic import first_time, leave_out_zeros, set_time_scale, show_start
from gradflow.plots.style import LOSS, START_OF_TIME, STEP, TIME, Colors, Style, drawing_on, lines
from gradflow.trajectory import Trajectory
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINT = {"linewidth": 0.5, "alpha": 0.35}
START = {"time": START_OF_TIME, "step": "start, $k = 0$"}


def draw_losses(
    runs: Mapping[str, Trajectory] | Sequence[Trajectory] | Trajectory,
    *,
    axis: str = "time",
    xscale: str | None = None,
    colors: Colors | None = None,
    style: Style | None = None,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Draw the loss of every step of each run and return the axes.

    The flow is a broad dark line, descents lie upon it in their fixed colors, later ones thinner. The loss
    axis is logarithmic where all losses are positive. A run that diverged is drawn to its last finite loss
    and marked where it leaves the axes, which end at 30 times the largest starting loss. Of a mini-batch run
    whose steps know only the loss of their batch the line is the loss of the whole problem at its rows, and
    the losses of the batches lie behind it, faint and with a label of their own.

    On a logarithmic axis of time there is no t = 0: the axis begins at half the first step, where a dot
    shows the loss that all begin with.

    Parameters
    ----------
    runs : mapping of str to Trajectory, sequence of Trajectory, or Trajectory
        Flows and descents by the labels of the legend.
    axis : {"time", "step"}
        Flow time t = k eta / mu, on which all runs are comparable, or the number of steps taken (of a
        flow, its integrator's).
    xscale : {"linear", "log"}, optional
        Of that axis; as it is by default.
    colors : sequence or mapping, optional
        Colors of the descents in their order, or of runs by label.
    style : optional
        A style of matplotlib's, see `in_style`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    **line
        Properties of matplotlib's lines, of all runs.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no run, or `axis` or `xscale` is unknown.
    """
    runs = labelled("runs", runs, Trajectory)
    if axis not in ("time", "step"):
        raise ValueError(f"`axis` must be 'time' or 'step', got {axis!r:.60}")
    curves = [run.step_losses for run in runs.values()]
    curves += [run.losses for run in runs.values() if run.has_batch_losses]
    ceiling = ceiling_of(runs.values())
    with drawing_on(ax, style) as ax:
        set_time_scale(ax, xscale)
        if all((curve > 0).all() for curve in curves):
            ax.set_yscale("log")
        end_axes_at(ax, ceiling, curves)
        drawn = []
        for run, (label, look) in zip(runs.values(), lines(runs, colors, line).items(), strict=True):
            x, y = _at_steps(run, axis)
            if run.has_batch_losses:
                drawn += ax.plot(x, y, label=f"{label}, its batches", **{**look, **FAINT})
                x, y = _at_rows(run, axis)
            drawn += ax.plot(x, y, label=label, **look)
        if ax.get_xscale() == "log":
            _show_start(ax, runs, axis, drawn)
        leave_out_zeros(ax, drawn)
        for run, look in zip(runs.values(), lines(runs, colors, line).values(), strict=True):
            if run.diverged:
                mark_exit(ax, *losses_of(run, axis), ceiling, look["color"])
        ax.set(xlabel=TIME if axis == "time" else STEP, ylabel=LOSS)
        legend(ax)
    return ax


def _show_start(ax: Axes, runs: Mapping[str, Trajectory], axis: str, drawn: list[Any]) -> None:
    first = first_time((_at_steps(run, axis)[0], run.is_continuous) for run in runs.values())
    if first is not None:
        show_start(ax, [(*line.get_data(), line.get_color()) for line in drawn], first, START[axis])


def losses_of(run: Trajectory, axis: str) -> tuple[Array, Array]:
    """Return where on the axis the losses of the whole problem are, and these."""
    return _at_rows(run, axis) if run.has_batch_losses else _at_steps(run, axis)


def _at_steps(run: Trajectory, axis: str) -> tuple[Array, Array]:
    """Return where on the axis every step is, and its loss."""
    x = run.step_times if axis == "time" else np.arange(len(run.step_losses), dtype=np.float64)
    return x, run.step_losses


def _at_rows(run: Trajectory, axis: str) -> tuple[Array, Array]:
    """Return where on the axis every row is, and the whole loss there."""
    return run.times if axis == "time" else run.steps.astype(np.float64), run.losses
