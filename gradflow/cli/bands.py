"""Runs from several seeds as one curve, their median, and a band from the least to the most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.analysis.convergence.comparison import Comparison
from gradflow.plots.ceiling import end_axes_at
from gradflow.trajectory import Trajectory
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Group = Sequence[Trajectory] | Sequence[Comparison]


def draw_bands(
    groups: Mapping[str, Group],
    lines: Mapping[str, dict[str, Any]],
    ceiling: float,
    ax: Axes,
    axis: str = "time",
) -> None:
    """Draw each group at the rows of its runs, which all seeds share; a run that is gone lies above all."""
    ax.set_yscale("log")
    drawn = []
    for label, group in groups.items():
        times, table = _table(group, axis)
        low, middle, high = np.quantile(table, [0.0, 0.5, 1.0], axis=0, method="closest_observation")
        there = np.isfinite(low) & (low > 0)
        color = lines[label]["color"]
        band = times[there], low[there], np.minimum(high[there], ceiling)
        ax.fill_between(*band, color=color, alpha=0.2, linewidth=0)
        seen = np.isfinite(middle) & (middle > 0)
        drawn += [low[there], high[there][np.isfinite(high[there])]]
        ax.plot(times[seen], middle[seen], label=label, **lines[label])
    if any(values.size for values in drawn):
        end_axes_at(ax, ceiling, drawn)


def _table(group: Group, axis: str) -> tuple[Array, Array]:
    """Return the times of the longest run, and the values of all runs at its rows, shape (runs, times)."""
    curves = [_curve(each, axis) for each in group]
    times = max((times for times, _ in curves), key=len)
    table = np.full((len(curves), len(times)), np.inf)
    for row, (_, values) in zip(table, curves, strict=True):
        row[: len(values)] = values
    return times, table


def _curve(run: Trajectory | Comparison, axis: str) -> tuple[Array, Array]:
    if isinstance(run, Comparison):
        return run.times, run.distance
    return run.times if axis == "time" else run.steps.astype(np.float64), run.losses
