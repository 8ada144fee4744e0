"""How far descents are from the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradflow.analysis.convergence.comparison import Comparison
from gradflow.plots.ceiling import end_axes_at, mark_exit
from gradflow.plots.labels import labelled
from gradflow.plots.legends import legend
from gradflow.plots.logarithmic import leave_out_zeros, set_time_scale
from gradflow.plots.style import DISTANCE, TIME, Colors, Style, drawing_on, lines_of_descents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The vertical axis ends at so many times the way of the flow: what is above has left for good.
CEILING = 10.0


def draw_distance(
    comparisons: Mapping[str, Comparison] | Sequence[Comparison] | Comparison,
    *,
    xscale: str | None = None,
    colors: Colors | None = None,
    style: Style | None = None,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Draw the distance to the flow, ``|w_k - w(k h)|``, at equal flow time and return the axes.

    Colors are those of `draw_losses` for the same descents in the same order. Points at distance 0,
    as at the common start, have no place on the logarithmic axis and are left out. The axis ends at
    10 times the way of the flow; a run that goes beyond is marked where it leaves.

    Parameters
    ----------
    comparisons : mapping of str to Comparison, sequence of Comparison, or Comparison
        What ``compare(run, flow)`` returned, by the labels of the legend.
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
        If there is no comparison, or `xscale` is unknown.
    """
    comparisons = labelled("comparisons", comparisons, Comparison)
    curves = [each.distance[each.distance > 0] for each in comparisons.values()]
    way = max(float(each.travelled.max()) for each in comparisons.values())
    ceiling = CEILING * way if way > 0 else float("inf")
    looks = lines_of_descents(list(comparisons), colors, line)
    with drawing_on(ax, style) as ax:
        set_time_scale(ax, xscale)
        if any(curve.size for curve in curves):
            ax.set_yscale("log")
            end_axes_at(ax, ceiling, curves)
        drawn = []
        for label, each in comparisons.items():
            apart = each.distance > 0
            drawn += ax.plot(each.times[apart], each.distance[apart], label=label, **looks[label])
        leave_out_zeros(ax, drawn)
        for label, each in comparisons.items():
            apart = each.distance > 0
            x, y = each.times[apart], each.distance[apart]
            if y.size and y[-1] > ceiling:
                mark_exit(ax, x, y, ceiling, looks[label]["color"])
        ax.set(xlabel=TIME, ylabel=DISTANCE)
        legend(ax)
    return ax
