"""How far descents are from the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gradflow.analysis.convergence.comparison import Comparison
from gradflow.plots import style
from gradflow.plots.ceiling import end_axes_at, mark_exit
from gradflow.plots.labels import labelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The vertical axis ends at so many times the way of the flow: what is above has left for good.
CEILING = 10.0


def draw_distance(
    comparisons: Mapping[str, Comparison] | Sequence[Comparison] | Comparison, *, ax: Axes | None = None
) -> Axes:
    """Draw the distance to the flow at equal flow time and return the axes.

    Colors are those of `draw_losses` for the same descents in the same order. Points at distance 0,
    as at the common start, have no place on the logarithmic axis and are left out. The axis ends at
    10 times the way of the flow; a run that goes beyond is marked where it leaves.

    Parameters
    ----------
    comparisons : mapping of str to Comparison, sequence of Comparison, or Comparison
        What ``compare(run, flow)`` returned, by the labels of the legend.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no comparison.
    """
    comparisons = labelled("comparisons", comparisons, Comparison)
    curves = [each.distance[each.distance > 0] for each in comparisons.values()]
    way = max(float(each.travelled.max()) for each in comparisons.values())
    ceiling = CEILING * way if way > 0 else float("inf")
    with style.drawing_on(ax) as ax:
        if any(curve.size for curve in curves):
            ax.set_yscale("log")
            end_axes_at(ax, ceiling, curves)
        for index, (label, each) in enumerate(comparisons.items()):
            apart, line = each.distance > 0, style.descent_line(index)
            x, y = each.times[apart], each.distance[apart]
            ax.plot(x, y, label=label, **line)
            if y.size and y[-1] > ceiling:
                mark_exit(ax, x, y, ceiling, line["color"])
        ax.set(xlabel=style.TIME, ylabel=style.DISTANCE)
        style.read_narrow_decades(ax)
        style.legend(ax)
    return ax
