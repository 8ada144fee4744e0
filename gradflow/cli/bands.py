"""Descents from several seeds over their steps: the median, and a band from the least to the most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradflow.plots import style
from gradflow.plots.ceiling import ceiling_of, end_axes_at
from gradflow.trajectory import Trajectory
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_bands_of_steps(groups: Mapping[str, Sequence[Trajectory]], ax: Axes) -> None:
    """Draw the losses of each group at the rows of its runs, which all seeds share.

    A run that has left the finite numbers lies above all others from there on.
    """
    ceiling = ceiling_of(run for group in groups.values() for run in group)
    lines = style.lines({label: group[0] for label, group in groups.items()})
    ax.set_yscale("log")
    drawn = []
    for label, group in groups.items():
        steps, table = _table(group)
        low, middle, high = np.quantile(table, [0.0, 0.5, 1.0], axis=0, method="closest_observation")
        there, seen = np.isfinite(low) & (low > 0), np.isfinite(middle) & (middle > 0)
        band = steps[there], low[there], np.minimum(high[there], ceiling)
        ax.fill_between(*band, color=lines[label]["color"], alpha=0.2, linewidth=0)
        ax.plot(steps[seen], middle[seen], label=label, **lines[label])
        drawn += [low[there], high[there][np.isfinite(high[there])]]
    if any(values.size for values in drawn):
        end_axes_at(ax, ceiling, drawn)
    ax.set(xlabel=style.STEP, ylabel=style.LOSS)


def _table(group: Sequence[Trajectory]) -> tuple[Array, Array]:
    """Return the steps of the longest run, and the losses of all runs there, shape (runs, steps)."""
    steps = max((run.steps for run in group), key=len).astype(np.float64)
    table = np.full((len(group), len(steps)), np.inf)
    for row, run in zip(table, group, strict=True):
        row[: len(run.losses)] = run.losses
    return steps, table
