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
from gradflow.plots.losses import losses_of
from gradflow.plots.style import (
    DISTANCE,
    LOSS,
    STEP,
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
Curve = tuple[Array, Array, bool]
MOST_PLACES = 2000


def draw_bands(
    groups: Mapping[str, Group],
    *,
    axis: str = "time",
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
    group, such as the same descent from several seeds, are taken where one of them has a point, and
    straight between their own. Where a run has ended before the others because it left the
    finite numbers it counts as larger than all others; other runs end the group where the first ends.

    Parameters
    ----------
    groups : mapping of str to sequence of Trajectory or of Comparison
        By the labels of the legend. Groups of flows are dark and broad as in `draw_losses`.
    axis : {"time", "step"}
        Flow time, or of losses the steps taken.
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
        If there is no group, one is empty, of several kinds or without that record, `share` is not between
        0 and 1, or what is drawn is not known by steps.
    """
    inner = validate.positive("share", share)
    if inner > 1:
        raise ValueError(f"`share` must be at most 1, got {share:g}")
    kind = _checked(groups, record)
    if axis not in ("time", "step") or (axis == "step" and (record is not None or kind is Comparison)):
        raise ValueError(f"`axis` must be 'time', or 'step' where losses are drawn, got {axis!r:.60}")
    curves = {label: [_curve(run, record, axis) for run in group] for label, group in groups.items()}
    looks = looks_of(groups, colors, line)
    with drawing_on(ax, style) as ax:
        set_time_scale(ax, xscale)
        left = _first(groups, curves) if ax.get_xscale() == "log" else 0.0
        places = {label: _places(group, left) for label, group in curves.items()}
        drawn = []
        tables = {label: _common(group, places[label]) for label, group in curves.items()}
        finite = [table[np.isfinite(table)] for table in tables.values()]
        if all((values > 0).all() for values in finite):
            ax.set_yscale("log")
        end_axes_at(ax, _ceiling(groups, record), finite)
        for label, table in tables.items():
            drawn += _draw(ax, places[label], table, inner, label, looks[label])
        leave_out_zeros(ax, drawn)
        ax.set(
            xlabel=TIME if axis == "time" else STEP,
            ylabel=record or (DISTANCE if kind is Comparison else LOSS),
        )
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


def _curve(run: Trajectory | Comparison, record: str | None, axis: str) -> Curve:
    """Return times or steps, values, and whether what comes later is beyond all bounds."""
    if isinstance(run, Comparison):
        apart = np.where(run.distance > 0, run.distance, np.nan)
        return run.times, apart, bool(run.distance[-1] > CEILING * run.travelled.max())
    if record is not None:
        return *recorded(run, record), run.diverged
    return *losses_of(run, axis), run.diverged


def _ceiling(groups: Mapping[str, Any], record: str | None) -> float:
    """Return where the vertical axis ends at the latest."""
    things = [run for group in groups.values() for run in group]
    if record is not None:
        return np.inf
    if isinstance(things[0], Trajectory):
        return ceiling_of(things)
    way = max(float(each.travelled.max()) for each in things)
    return CEILING * way if way > 0 else np.inf


def _first(groups: Mapping[str, Group], curves: Mapping[str, list[Curve]]) -> float:
    """Return where a logarithmic axis begins: at half the first step of a descent."""
    pairs = [(curve[0], _are_flows(groups[label])) for label, group in curves.items() for curve in group]
    return 0.5 * (first_time(pairs) or 1.0)


def _places(group: list[Curve], left: float) -> Array:
    """Return the places of all runs of a group in their common span, or some of very many."""
    ends = [float(x[-1]) for x, _, lost in group if not lost] or [max(float(x[-1]) for x, _, _ in group)]
    found = np.unique(np.concatenate([x for x, _, _ in group]))
    found = found[(found >= left) & (found <= min(ends))]
    if found.size <= MOST_PLACES:
        return found
    return found[np.unique(np.geomspace(1, found.size, MOST_PLACES).astype(np.int64)) - 1]


def _common(group: list[Curve], places: Array) -> Array:
    """Return the values at the common places, shape (runs, places)."""
    return np.array(
        [np.interp(places, x, y, right=np.inf if lost else y[-1]) for x, y, lost in group], dtype=np.float64
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
