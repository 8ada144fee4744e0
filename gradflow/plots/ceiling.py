"""Runs that grow beyond all bounds: where the axes end, and where such a run leaves them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from gradflow.plots.style import DIVERGED, DIVERGED_MARK
from gradflow.trajectory import Trajectory
from gradflow.trajectory.outcome import highest_loss
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def ceiling_of(runs: Iterable[Trajectory]) -> float:
    """Return the loss beyond which no run comes back: it sets no axis, the vertical one ends there."""
    return highest_loss(max(float(run.losses[0]) for run in runs))


def end_axes_at(ax: Axes, ceiling: float, curves: Iterable[Array]) -> None:
    """End the vertical axis at `ceiling` if a curve exceeds it, and just below the lowest point."""
    values = np.concatenate([curve for curve in curves if curve.size])
    if values.max() > ceiling:
        lowest = values.min()
        below = lowest / 2 if ax.get_yscale() == "log" else lowest - 0.05 * (ceiling - lowest)
        ax.set_ylim(below, ceiling)


def mark_exit(ax: Axes, x: Array, y: Array, ceiling: float, color: str) -> None:
    """Mark where a curve leaves the axes for good or, if it never does, its last point."""
    inside = np.flatnonzero(y <= ceiling)
    last = int(inside[-1]) if inside.size else 0
    place = x[last], min(y[last], ceiling)
    if last + 1 < len(y):
        # A run that leaves at its first step does so on the line from the left edge to its second point.
        before, after = np.maximum(x[last : last + 2], ax.get_xlim()[0])
        place = _between(ax, (before, after), (y[last], y[last + 1]), ceiling), ceiling
    label = None if DIVERGED in ax.get_legend_handles_labels()[1] else DIVERGED
    ax.plot(*place, color=color, label=label, clip_on=False, zorder=4, **DIVERGED_MARK)


def _between(ax: Axes, x: tuple[float, float], y: tuple[float, float], ceiling: float) -> float:
    """Return where the line between two points, straight on these axes, meets `ceiling`."""
    across = np.log if ax.get_xscale() == "log" else np.asarray
    up = np.log if ax.get_yscale() == "log" else np.asarray
    found = np.interp(up(ceiling), up(y), across(x))
    return float(np.exp(found) if ax.get_xscale() == "log" else found)
