"""Stability regions of update rules in the complex plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gradflow.analysis.stability.companion import linear_stability, spectral_radii
from gradflow.plots import style
from gradflow.rules import UpdateRule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUM_POINTS = 301


def draw_stability_region(rules: Mapping[str, UpdateRule], *, ax: Axes | None = None) -> Axes:
    """Draw where each rule is stable, in the plane of eta lambda, and return the axes.

    Inside its curve no multiplier of the rule's companion matrix exceeds 1 in size. A gradient has real
    lambda; complex ones belong to the linearization of other vector fields.

    Parameters
    ----------
    rules : mapping of str to UpdateRule
        Rules with a companion matrix by the labels of the legend; their learning rates are ignored.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no rule, or one without a companion matrix.
    """
    if not rules:
        raise ValueError("`rules` must hold at least one rule, got none")
    limits = [linear_stability(rule, [1.0]) for rule in rules.values()]
    right = 1.08 * max(limits)
    x, y = np.linspace(-0.1 * right, right, NUM_POINTS), np.linspace(-0.55 * right, 0.55 * right, NUM_POINTS)
    plane = x[np.newaxis, :] + 1j * y[:, np.newaxis]
    with style.drawing_on(ax) as ax:
        for index, (label, rule) in enumerate(rules.items()):
            line = style.descent_line(index)
            ax.contour(
                x, y, spectral_radii(rule, plane), levels=[1.0], colors=[line["color"]], linewidths=1.2
            )
            ax.plot(limits[index], 0.0, "o", markersize=3.5, color=line["color"], clip_on=False)
            ax.plot([], [], label=rf"{label}: {limits[index]:.4g}$/\lambda$", **line)
        ax.axhline(0.0, color="#777777", linewidth=0.6)
        ax.set(xlabel=r"$\mathrm{Re}\ \eta\lambda$", ylabel=r"$\mathrm{Im}\ \eta\lambda$", aspect="equal")
        ax.legend(loc="upper right")
    return ax
