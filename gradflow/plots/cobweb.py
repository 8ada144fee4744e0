"""Cobwebs: a run of one weight on the graph of its one-step map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradflow import validate
from gradflow.analysis.stability.maps import OneStepMap
from gradflow.plots.legends import legend
from gradflow.plots.style import LIMIT_LINE, Style, descent_line, drawing_on, flow_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUM_POINTS = 401


def draw_cobweb(
    step: OneStepMap,
    x0: float,
    num_steps: int,
    *,
    low: float | None = None,
    high: float | None = None,
    style: Style | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the map of one step of descent, the diagonal, and a run between them, and return the axes.

    Parameters
    ----------
    step : OneStepMap
        From `one_step_map`.
    x0 : float
        Where the run starts.
    num_steps : int
        Steps drawn; fewer if the run leaves the finite numbers.
    low, high : float, optional
        Ends of both axes; those of the run, with a margin, by default.
    style, ax
        As of `draw_losses`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `low` is not below `high` or `num_steps` is not a positive whole number.
    """
    points = step.orbit(float(x0), validate.count("num_steps", num_steps))
    points = points[: np.flatnonzero(np.isfinite(points))[-1] + 1]
    margin = 0.15 * (float(np.ptp(points)) or 1.0)
    left = points.min() - margin if low is None else float(low)
    right = points.max() + margin if high is None else float(high)
    if not left < right:
        raise ValueError(f"`low` must be below `high`, got {left:g} and {right:g}")
    grid = np.linspace(left, right, NUM_POINTS)
    run = descent_line(0)
    with drawing_on(ax, style) as ax:
        ax.plot(grid, grid, **LIMIT_LINE)
        ax.plot(grid, step(grid), label=rf"map, $\eta = {step.learning_rate:.4g}$", **flow_line())
        corners = np.repeat(points, 2)
        ax.plot(corners[:-1], corners[1:], label="run", **{**run, "linewidth": 0.8})
        ax.plot(points[0], points[0], "o", markersize=4, color=run["color"])
        ax.set(xlim=(left, right), ylim=(left, right), xlabel="weight $w_k$", ylabel="weight $w_{k+1}$")
        ax.set_aspect("equal")
        legend(ax, above=True)
    return ax
