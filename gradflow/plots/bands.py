"""Many runs of one kind as one curve and a band around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow import validate
from gradflow.analysis.convergence.comparison import Comparison
from gradflow.plots.ceiling import ceiling_of, end_axes_at
from gradflow.plots.distance import CEILING
from gradflow.plots.legends import legend
from gradflow.plots.limits import recorded
from gradflow.plots.logarithmic import first_time, leave_out_zeros, set_time_scale
from gradflow.plots.style import (
    DISTANCE,
    LOSS,
    TIME,
    Colors,
    Style,
    drawing_on,
    flow_line,
    lines_of_descents,
)
from gradflow.trajectory import Trajectory
from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Group = Sequence[Trajectory] | Sequence[Comparison]
NUM_TIMES = 400


def draw_bands(
    groups: Mapping[str, Group],
    *,
    record: str | None = None,
    share: float = 1.0,
    xscale: str | None = None,
    colors: Colors | None = None,
    style: Style | None = None,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Draw the median of each group of runs and the band that holds `share` of them, and return the axes.

    Of trajectories the loss is drawn, or a record; of comparisons the distance to the flow. Runs of one
    group, such as the same descent from several seeds, are taken at 400 common flow times, between which
    and their own points curves are straight. Where a run has ended before the others because it left the
    finite numbers it counts as larger than all others; other runs end the group where the first ends.

    Parameters
    ----------
    groups : mapping of str to sequence of Trajectory or of Comparison
        By the labels of the legend. Groups of flows are dark and broad as in `draw_losses`.
    record : str, optional
        The name of a record of one number, drawn in place of the loss.
    share : float
        How much of the runs the band holds, 1 for all of them, 0.5 for what lies between the quartiles.
    xscale, colors, style, ax, **line
        As of `draw_losses`; the line is that of the medians.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no group, one is empty, of several kinds or without that record, or `share` is not
        between 0 and 1.
    """
    inner = validate.positive("share", share)
    if inner > 1:
        raise ValueError(f"`share` must be at most 1, got {share:g}")
    kind = _checked(groups, record)
    curves = {label: [_curve(run, record) for run in group] for label, group in groups.items()}
    times = _times(groups, [curve for group in curves.values() for curve in group], xscale)
    looks = looks_of(groups, colors, line)
    with drawing_on(ax, style) as ax:
        set_time_scale(ax, xscale)
        drawn = []
        tables = {label: _common(group, times) for label, group in curves.items()}
        finite = [table[np.isfinite(table)] for table in tables.values()]
        if all((values > 0).all() for values in finite):
            ax.set_yscale("log")
        end_axes_at(ax, _ceiling(groups, record), finite)
        for label, table in tables.items():
            drawn += _draw(ax, times, table, inner, label, looks[label])
        if xscale != "log":
            leave_out_zeros(ax, drawn)
        ax.set(xlabel=TIME, ylabel=record or (DISTANCE if kind is Comparison else LOSS))
        legend(ax)
    return ax


def _checked(groups: Any, record: str | None) -> type:
    """Return what is drawn, Trajectory or Comparison."""
    if not isinstance(groups, Mapping) or not groups:
        raise ValueError(f"`groups` must map labels to sequences of runs, got {groups!r:.60}")
    kinds = set()
    for label, group in groups.items():
        if not isinstance(group, Sequence) or not len(group):
            raise ValueError(f"`groups` must hold a sequence of runs for {label!r}, got {group!r:.60}")
        kinds |= {type(run) for run in group}
        for run in group:
            if record is not None and (not isinstance(run, Trajectory) or record not in run.records):
                raise ValueError(f"`groups` must have recorded {record!r}, got none in {label!r}")
    if kinds not in ({Trajectory}, {Comparison}):
        raise ValueError("`groups` must hold trajectories or comparisons, all of one kind")
    return kinds.pop()


def _curve(run: Trajectory | Comparison, record: str | None) -> tuple[Array, Array, bool]:
    """Return times, values, and whether what comes later is beyond all bounds."""
    if isinstance(run, Comparison):
        apart = np.where(run.distance > 0, run.distance, np.nan)
        return run.times, apart, bool(run.distance[-1] > CEILING * run.travelled.max())
    if record is not None:
        return *recorded(run, record), run.diverged
    if run.has_batch_losses:
        return run.times, run.losses, run.diverged
    return run.step_times, run.step_losses, run.diverged


def _ceiling(groups: Mapping[str, Any], record: str | None) -> float:
    """Return where the vertical axis ends at the latest."""
    things = [run for group in groups.values() for run in group]
    if record is not None:
        return np.inf
    if isinstance(things[0], Trajectory):
        return ceiling_of(things)
    way = max(float(each.travelled.max()) for each in things)
    return CEILING * way if way > 0 else np.inf


def _times(groups: Mapping[str, Group], curves: list[tuple[Array, Array, bool]], xscale: str | None) -> Array:
    """Return the common times; on a logarithmic axis from half the first step of a descent on."""
    ends = [times[-1] for times, _, lost in curves if not lost] or [max(times[-1] for times, _, _ in curves)]
    if xscale != "log":
        return np.linspace(0.0, min(ends), NUM_TIMES)
    flows = [_are_flows(group) for group in groups.values() for _ in group]
    first = first_time((times, flow) for (times, _, _), flow in zip(curves, flows, strict=True))
    return np.geomspace(0.5 * (first or min(ends)), min(ends), NUM_TIMES)


def _common(group: list[tuple[Array, Array, bool]], times: Array) -> Array:
    """Return the values at the common times, shape (runs, times)."""
    return np.array(
        [np.interp(times, x, y, right=np.inf if lost else y[-1]) for x, y, lost in group], dtype=np.float64
    )


def looks_of(
    groups: Mapping[str, Group], colors: Colors | None, line: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return color and line of each group."""
    flows = [label for label, group in groups.items() if _are_flows(group)]
    looks = lines_of_descents([label for label in groups if label not in flows], colors, line)
    return looks | {label: {**flow_line(), **line} for label in flows}


def _are_flows(group: Group) -> bool:
    return all(isinstance(run, Trajectory) and run.is_continuous for run in group)


def _draw(
    ax: Axes, times: Array, table: Array, share: float, label: str, look: Mapping[str, Any]
) -> list[Any]:
    # Not interpolated: between a finite value and one beyond all bounds there is none.
    edges = [0.5 - share / 2, 0.5, 0.5 + share / 2]
    low, middle, high = np.quantile(table, edges, axis=0, method="nearest")
    top = float(np.nanmax(np.where(np.isfinite(table), table, np.nan)))
    inside: NDArray[np.bool_] = np.isfinite(low)
    ax.fill_between(
        times[inside], low[inside], np.minimum(high[inside], top), color=look["color"], alpha=0.2, linewidth=0
    )
    shown = np.isfinite(middle)
    return list(ax.plot(times[shown], middle[shown], label=label, **look))
