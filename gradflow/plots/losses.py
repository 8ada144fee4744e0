"""The loss decrease of flow and descents on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradflow.plots import style
from gradflow.plots.ceiling import ceiling_of, end_axes_at, mark_exit
from gradflow.plots.labels import labelled
from gradflow.trajectory import Trajectory
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINT = {"linewidth": 0.5, "alpha": 0.35}


def draw_losses(
    runs: Mapping[str, Trajectory] | Sequence[Trajectory] | Trajectory,
    *,
    axis: str = "time",
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss of every step of each run and return the axes.

    The flow is a broad dark line, descents lie upon it in their fixed colors. The loss axis is
    logarithmic where all losses are positive. A run that diverged is drawn to its last finite loss and
    marked where it leaves the axes, which end at 30 times the largest starting loss. Of a mini-batch run
    whose steps know only the loss of their batch the line is the loss of the whole problem at its rows, and
    the losses of the batches lie behind it, faint and with a label of their own.

    Parameters
    ----------
    runs : mapping of str to Trajectory, sequence of Trajectory, or Trajectory
        Flows and descents by the labels of the legend.
    axis : {"time", "step"}
        Flow time t = k eta / mu, on which all runs are comparable, or the number of steps taken (of a
        flow, its integrator's).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no run or `axis` is unknown.
    """
    runs = labelled("runs", runs, Trajectory)
    if axis not in ("time", "step"):
        raise ValueError(f"`axis` must be 'time' or 'step', got {axis!r:.60}")
    curves = [run.step_losses for run in runs.values()]
    curves += [run.losses for run in runs.values() if run.has_batch_losses]
    ceiling = ceiling_of(runs.values())
    with style.drawing_on(ax) as ax:
        if all((curve > 0).all() for curve in curves):
            ax.set_yscale("log")
        end_axes_at(ax, ceiling, curves)
        for run, (label, line) in zip(runs.values(), style.lines(runs).items(), strict=True):
            x, y = _at_steps(run, axis)
            if run.has_batch_losses:
                ax.plot(x, y, label=f"{label}, its batches", **{**line, **FAINT})
                x, y = _at_rows(run, axis)
            ax.plot(x, y, label=label, **line)
            if run.diverged:
                mark_exit(ax, x, y, ceiling, line["color"])
        ax.set(xlabel=style.TIME if axis == "time" else style.STEP, ylabel=style.LOSS)
        style.read_narrow_decades(ax)
        style.legend(ax)
    return ax


def _at_steps(run: Trajectory, axis: str) -> tuple[Array, Array]:
    """Return where on the axis every step is, and its loss."""
    x = run.step_times if axis == "time" else np.arange(len(run.step_losses), dtype=np.float64)
    return x, run.step_losses


def _at_rows(run: Trajectory, axis: str) -> tuple[Array, Array]:
    """Return where on the axis every row is, and the whole loss there."""
    return run.times if axis == "time" else run.steps.astype(np.float64), run.losses
