"""Bifurcation diagrams: where descent ends up, against the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow import validate
from gradflow.analysis.stability.bifurcation import Bifurcations
from gradflow.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_bifurcation(
    diagram: Bifurcations,
    *,
    weight: int = 0,
    thresholds: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one weight on the attractor against the learning rate and return the axes.

    Parameters
    ----------
    diagram : Bifurcations
        From `bifurcation_diagram`.
    weight : int
        Which of the weights, 0 to n - 1.
    thresholds : mapping of str to float, optional
        Learning rates to mark by a dashed line, with their labels on top.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no such weight.
    """
    num_weights = diagram.points.shape[2]
    if validate.count("weight", weight, least=0) >= num_weights:
        raise ValueError(f"`weight` must be at most {num_weights - 1}, got {weight}")
    with style.drawing_on(ax) as ax:
        values = diagram.points[:, :, weight]
        rates = np.repeat(diagram.learning_rates, values.shape[1])
        dot: dict[str, Any] = {"markersize": 0.7, "markeredgewidth": 0, "alpha": 0.5, "rasterized": True}
        ax.plot(rates, values.ravel(), "o", color=style.DESCENT_COLORS[0], **dot)
        for label, rate in (thresholds or {}).items():
            ax.axvline(rate, **style.LIMIT_LINE)
            place: dict[str, Any] = {"xycoords": ax.get_xaxis_transform(), "fontsize": 6.5, "rotation": 90}
            ax.annotate(label, (rate, 1.02), ha="center", va="bottom", annotation_clip=False, **place)
        name = "$w$" if num_weights == 1 else f"$w_{{{weight + 1}}}$"
        ax.set(xlabel=style.LEARNING_RATE, ylabel=f"weight {name} on the attractor")
    return ax
