"""The leading Hessian eigenvalues along a run, and where a run met a level of its sharpness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow.plots import style
from gradflow.plots.sharpness import limit_of
from gradflow.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_spectrum(run: Trajectory, *, record: str = "sharpness", ax: Axes | None = None) -> Axes:
    """Draw the recorded eigenvalues of a run over flow time, with 2 / eta, and return the axes.

    Parameters
    ----------
    run : Trajectory
        Made with ``record={"sharpness": SharpnessTracker(problem, k=3)}``.
    record : str
        The name of that record, of shape (m,) or (m, k).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

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
    with style.drawing_on(ax) as ax:
        for i, column in enumerate(values.T):
            # The largest lies on top.
            ax.plot(
                times,
                column,
                label=rf"$\lambda_{{{i + 1}}}$",
                zorder=3 - 0.01 * i,
                **style.descent_line(i),
            )
        if (limit := limit_of(run)) is not None:
            ax.plot(run.times, limit, label=r"limit $2/\eta$", **style.LIMIT_LINE)
        ax.set(xlabel=style.TIME, ylabel=r"Hessian eigenvalues $\lambda_i$")
        ax.legend()
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
    with style.drawing_on(ax) as ax:
        for level, time in zip(levels, times, strict=True):
            label = f"{event} at {level:.4g}: $t = {time:.4g}$"
            ax.axvline(time, color="#222222", linestyle=":", linewidth=1.0, label=label)
        ax.legend()
    return ax
