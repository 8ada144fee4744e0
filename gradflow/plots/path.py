"""Paths of runs over the loss of two weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.errors import Undefined
from gradflow.plots import style
from gradflow.plots.labels import labelled
from gradflow.problems.problem import Problem
from gradflow.trajectory import Trajectory
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


NUM_POINTS = 101
NUM_LEVELS = 14
MARGIN = 0.15
# A run that strays farther than so many times the size of the tamest one does not set the frame.
REACH = 4.0


def draw_path(
    problem: Problem,
    runs: Mapping[str, Trajectory] | Sequence[Trajectory] | Trajectory,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the paths of runs over contours of the loss of two weights and return the axes.

    Contours enclose equal shares of the picture. The frame holds the runs that stay together; the path
    of one that goes far astray ends with its first row outside.

    Parameters
    ----------
    problem : Problem
        A loss of two weights.
    runs : mapping of str to Trajectory, sequence of Trajectory, or Trajectory
        Flows and descents by the labels of the legend, with their weights kept.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the problem or a run does not have two weights, or there is no run.
    """
    if problem.num_weights not in (2, None):
        raise ValueError(f"`problem` must have two weights to be drawn in a plane, got {problem.num_weights}")
    runs = labelled("runs", runs, Trajectory)
    for label, run in runs.items():
        if run.weights.shape[1] != 2 or run.settings.get("sketch"):
            raise ValueError(f"`runs` must keep two weights each, got {run.weights.shape[1]} for {label!r}")
    low, high = _frame([run.weights for run in runs.values()])
    x, y = np.linspace(low, high, NUM_POINTS).T
    losses = np.array([[_loss(problem, np.array([first, second])) for first in x] for second in y])
    with style.drawing_on(ax) as ax:
        _draw_contours(ax, x, y, losses)
        for (label, line), run in zip(style.lines(runs).items(), runs.values(), strict=True):
            marker: dict[str, Any] = {} if run.is_continuous else {"marker": ".", "markersize": 4}
            ax.plot(*_until_outside(run.weights, low, high).T, label=label, **line, **marker)
        ax.plot(*next(iter(runs.values())).weights[0], "o", color=style.FLOW_LINE["color"], label="start")
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="weight $w_1$", ylabel="weight $w_2$")
        style.legend(ax)
    return ax


def _draw_contours(ax: Axes, x: Array, y: Array, losses: Array) -> None:
    levels = np.unique(np.nanquantile(losses, np.linspace(0.0, 1.0, NUM_LEVELS + 2)[1:-1]))
    ax.grid(False)
    if levels.size > 1:
        ax.contourf(x, y, losses, levels, cmap="Greys", alpha=0.25, extend="both", zorder=0)
        ax.contour(x, y, losses, levels, colors="#b0b0b0", linewidths=0.5, zorder=0.5)


def _frame(paths: list[Array]) -> tuple[Array, Array]:
    """Return the lower left and the upper right corner of the picture."""
    boxes = [(path.min(axis=0), path.max(axis=0)) for path in paths]
    sizes = [float((high - low).max()) for low, high in boxes]
    tame = REACH * min((size for size in sizes if size > 0), default=0.0)
    held = [box for box, size in zip(boxes, sizes, strict=True) if size <= tame] or boxes
    low, high = np.min([low for low, _ in held], axis=0), np.max([high for _, high in held], axis=0)
    size = float((high - low).max()) or 1.0
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 0.2 * size) + MARGIN * size
    return middle - half, middle + half


def _until_outside(path: Array, low: Array, high: Array) -> Array:
    """Return the rows up to the first one outside the picture."""
    outside = np.flatnonzero(((path < low) | (path > high)).any(axis=1))
    return path[: outside[0] + 1] if outside.size else path


def _loss(problem: Problem, w: Array) -> float:
    try:
        loss = problem.loss(w)
    except Undefined:
        return np.nan
    return loss if np.isfinite(loss) else np.nan
