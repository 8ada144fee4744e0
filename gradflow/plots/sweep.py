"""What a sweep came to against the learning rate, starts as bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradflow.plots.legends import legend
from gradflow.plots.style import (
    DESCENT_COLORS,
    DIVERGED,
    DIVERGED_MARK,
    LEARNING_RATE,
    Style,
    descent_line,
    drawing_on,
)
from gradflow.trajectory import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradflow.sweeps import SweepResult

RATE, SEED, OUTCOME = "learning_rate", "seed", "outcome"
# On a logarithmic axis what is smaller, 0 included, is drawn at this share of the largest.
_FLOOR = 1e-60
# How far the marks of one group stand above those of the last, in heights of the panel.
_APART = 0.03
LABELS = {
    "final_loss": r"final loss $E$",
    "critical_rate": r"critical learning rate $\eta$",
    "largest_distance": "largest distance to flow",
}


def draw_sweep(
    result: SweepResult, y: str = "final_loss", *, style: Style | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a column of a sweep against the learning rate and return the axes.

    The line is the median over starts, the band goes from the least to the largest; one color for each value
    of the other axes. Where every start diverged stands a mark at the top edge, a row of them for each color.

    Parameters
    ----------
    result : SweepResult
        With an axis "learning_rate" and at most one other than it and "seed".
    y : str
        A column of numbers.
    style, ax
        As of `draw_losses`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the sweep has no learning rates, more other axes, more values than colors, or `y` is no column of
        numbers.

    See Also
    --------
    draw_final_loss : Of single runs.
    """
    others = _others(result)
    values = result.column(y)
    if values.dtype == object:
        raise ValueError(f"`y` must be a column of numbers, got {y!r}")
    lost = result.column(OUTCOME) == Outcome.DIVERGED.name if OUTCOME in result.names else np.isnan(values)
    keys = [tuple(row.parameters[name] for name in others) for row in result.rows]
    groups = list(dict.fromkeys(keys))
    if len(groups) > len(DESCENT_COLORS):
        raise ValueError(
            f"`result` must have at most {len(DESCENT_COLORS)} values of {others[0]} to be drawn, got "
            f"{len(groups)}"
        )
    rates = result.column(RATE)
    with drawing_on(ax, style) as ax:
        ax.set_xscale("log")
        shown = values[~lost & np.isfinite(values)]
        if shown.size and shown.min() >= 0 and shown.max() > 0:
            ax.set_yscale("log")
            values = np.maximum(values, _FLOOR * shown.max())
        for number, group in enumerate(groups):
            own = np.array([key == group for key in keys])
            label = f"{others[0]} {group[0]}" if others else None
            _draw(ax, number, label, rates[own], values[own], lost[own])
        ax.set(xlabel=LEARNING_RATE, ylabel=LABELS.get(y, y.replace("_", " ")))
        legend(ax)
    return ax


def _others(result: SweepResult) -> list[str]:
    if RATE not in result.axes:
        raise ValueError(f"`result` must have an axis of learning rates, got {', '.join(result.axes)}")
    others = [name for name in result.axes if name not in (RATE, SEED)]
    if len(others) > 1:
        raise ValueError(f"`result` must have one axis beside rates and seeds, got {', '.join(others)}")
    return others


def _draw(
    ax: Axes,
    number: int,
    label: str | None,
    rates: NDArray[Any],
    values: NDArray[Any],
    lost: NDArray[np.bool_],
) -> None:
    look = descent_line(number)
    places = np.unique(rates)
    kept = [values[(rates == rate) & ~lost & np.isfinite(values)] for rate in places]
    there = np.array([each.size > 0 for each in kept])
    if there.any():
        low, middle, high = np.array([np.quantile(each, (0, 0.5, 1)) for each in kept if each.size]).T
        ax.plot(places[there], middle, label=label, **look)
        ax.fill_between(places[there], low, high, color=look["color"], alpha=0.2, linewidth=0)
    gone = np.array([lost[rates == rate].all() for rate in places])
    if gone.any():
        edge: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
        name = DIVERGED if DIVERGED not in ax.get_legend_handles_labels()[1] else None
        tops = np.full(int(gone.sum()), 1 + _APART * number)
        ax.plot(places[gone], tops, color=look["color"], label=name, zorder=4, **edge, **DIVERGED_MARK)
