"""The figure of a study: losses of all runs, and the distance of each descent to the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradflow.plots import style
from gradflow.plots.distance import draw_distance
from gradflow.plots.losses import draw_losses

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gradflow.studies import Study


def draw_study(study: Study) -> Figure:
    """Draw losses and, where there are descents, their distance to the flow, over the logarithm of flow time.

    Parameters
    ----------
    study : Study
        As `gradflow.study` returns it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    descents = {rf"$\eta = {rate:g}$": run for rate, run in study.descents.items()}
    compared = dict(zip(descents, study.comparisons.values(), strict=True))
    figure, panels = style.new_figure(2 if compared else 1, width=7.2 if compared else 3.6, height=2.9)
    with style.in_style():
        draw_losses({"flow": study.flow, **descents}, ax=panels[0])
        if compared:
            draw_distance(compared, ax=panels[1]).set_title(_limit(study.limit))
        steps = [run.step_times[1] for run in study.descents.values() if len(run.step_times) > 1]
        for panel in panels:
            panel.set_xscale("log", nonpositive="mask")
            if steps:
                panel.set_xlim(left=0.5 * min(steps))
    return figure


def _limit(limit: float) -> str:
    if not np.isfinite(limit):
        return "no stability limit at the start"
    return f"stability limit {limit:.3g} at the start"
