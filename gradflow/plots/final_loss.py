"""The final loss against the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.plots.legends import legend
from gradflow.plots.style import (
    DIVERGED,
    DIVERGED_MARK,
    LEARNING_RATE,
    LIMIT,
    LIMIT_LINE,
    Style,
    descent_line,
    drawing_on,
    flow_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_final_loss(
    learning_rates: ArrayLike,
    final_losses: ArrayLike,
    *,
    limit: float | None = None,
    flow_loss: float | None = None,
    diverged: ArrayLike | None = None,
    limit_label: str = LIMIT,
    style: Style | None = None,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Draw the loss at which runs ended against their learning rate and return the axes.

    Both axes are logarithmic, the vertical one where all losses are positive. Runs that diverged are
    marked at the top edge.

    Parameters
    ----------
    learning_rates, final_losses : array_like, shape (m,)
        One learning rate and one final loss a run, in any order.
    limit : float, optional
        The stability limit, drawn as a dashed line.
    flow_loss : float, optional
        The loss of the flow at the same flow time, drawn as the flow's dark line.
    diverged : array_like of bool, shape (m,), optional
        Which runs diverged; by default those whose final loss is not finite.
    limit_label : str
        What the limit is called: 2 / lambda is that of plain descent.
    style, ax
        As of `draw_losses`.
    **line
        Properties of matplotlib's lines, of the descents'.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a learning rate or `limit` is not positive, or the numbers of entries differ.
    """
    rates = validate.array("learning_rates", learning_rates, 1)
    losses = np.asarray(final_losses, dtype=np.float64)
    lost = (
        ~np.isfinite(losses) if diverged is None else np.asarray(diverged, dtype=bool) | ~np.isfinite(losses)
    )
    if losses.shape != rates.shape or lost.shape != rates.shape:
        raise ValueError(
            f"`final_losses` and `diverged` must have {rates.size} entries like `learning_rates`"
        )
    if not (rates > 0).all():
        raise ValueError(f"`learning_rates` must be positive, got a least value {rates.min():g}")
    order = np.argsort(rates)
    rates, losses, lost = rates[order], losses[order], lost[order]
    look = {**descent_line(0), "marker": "o", "markersize": 3.5, **line}
    with drawing_on(ax, style) as ax:
        ax.set_xscale("log")
        shown = losses[~lost] if flow_loss is None else np.append(losses[~lost], flow_loss)
        if shown.size and (shown > 0).all():
            ax.set_yscale("log")
        if flow_loss is not None:
            ax.axhline(flow_loss, label="flow", **flow_line())
        ax.plot(rates[~lost], losses[~lost], label="descent", **look)
        if limit is not None:
            ax.axvline(validate.positive("limit", limit), label=limit_label, **LIMIT_LINE)
        if lost.any():
            edge: dict[str, Any] = {
                "transform": ax.get_xaxis_transform(),
                "clip_on": False,
                "label": DIVERGED,
            }
            tops = np.ones(int(lost.sum()))
            ax.plot(rates[lost], tops, color=look["color"], zorder=4, **edge, **DIVERGED_MARK)
        ax.set(xlabel=LEARNING_RATE, ylabel=r"final loss $E$")
        legend(ax)
    return ax
