"""The leading Hessian eigenvalues along a run, and where a run met a level of its sharpness."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

from gradflow.plots.legends import legend
from gradflow.plots.limits import limit_label, limit_of, stable_product_of
from gradflow.plots.logarithmic import leave_out_zeros, set_time_scale
from gradflow.plots.style import DARK, LIMIT_LINE, TIME, Style, descent_line, drawing_on
from gradflow.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes


DASHES = (":", "-.", (0, (1, 3)), (0, (4, 1, 1, 1, 1, 1)))


def draw_spectrum(
    run: Trajectory,
    *,
    record: str = "sharpness",
    xscale: str | None = None,
    style: Style | None = None,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Draw the recorded eigenvalues of a run over flow time, with the limit of its rule, and return the axes.

    Parameters
    ----------
    run : Trajectory
        Made with ``record={"sharpness": SharpnessTracker(problem, k=3)}``.
    record : str
        The name of that record, of shape (m,) or (m, k).
    xscale, style, ax, **line
        As of `draw_losses`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the run has no such record.
    """
    if record not in run.records:
        raise ValueError(f"`run` must have recorded {record!r}, got {', '.join(run.records) or 'nothing'}")
    times = run.record_times[record]
    values = run.records[record].reshape(len(times), -1)
    with drawing_on(ax, style) as ax:
        set_time_scale(ax, xscale)
        drawn = []
        for i, column in enumerate(values.T):
            # The largest lies on top.
            look = {"label": rf"$\lambda_{{{i + 1}}}$", "zorder": 3 - 0.01 * i, **descent_line(i), **line}
            drawn += ax.plot(times, column, **look)
        limit, product = limit_of(run), stable_product_of(run)
        if limit is not None and product is not None:
            drawn += ax.plot(run.times, limit, label=limit_label(product), **LIMIT_LINE)
        leave_out_zeros(ax, drawn)
        ax.set(xlabel=TIME, ylabel=r"eigenvalues $\lambda_i$")
        legend(ax)
    return ax


def mark_crossings(run: Trajectory, event: str, *, ax: Axes) -> Axes:
    """Draw a dotted line at the time of every located crossing of an event and return the axes.

    Parameters
    ----------
    run : Trajectory
        Made with ``events={event: ...}``.
    event : str
        The name of the event.
    ax : matplotlib.axes.Axes
        Where to draw, over flow time.

    Raises
    ------
    ValueError
        If the run did not watch for that event.
    """
    if event not in run.crossings:
        raise ValueError(
            f"`run` must have watched for {event!r}, got {', '.join(run.crossings) or 'nothing'}"
        )
    levels, times, _ = run.crossings[event]
    with drawing_on(ax) as ax:
        for level, time, dashes in zip(levels, times, cycle(DASHES)):
            label = f"{event} at {level:.4g}: $t = {time:.4g}$"
            ax.axvline(time, color=DARK, linestyle=dashes, linewidth=1.0, label=label)
        legend(ax)
    return ax
