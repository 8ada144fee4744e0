"""The figure of a study: losses, sharpness and distances over one axis of flow time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.analysis.convergence.comparison import Comparison
from gradflow.plots import bands
from gradflow.plots.distance import draw_distance
from gradflow.plots.legends import letter_panels, share_legend
from gradflow.plots.limits import limit_label, limit_of, meeting_time, stable_product_of
from gradflow.plots.losses import draw_losses
from gradflow.plots.sharpness import draw_sharpness, set_sharpness_limits
from gradflow.plots.style import LIMIT_LINE, SHARPNESS, Colors, Style, in_style, inches, lines, new_figure
from gradflow.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradflow.studies import Study

PANELS = ("loss", "sharpness", "distance")
RECORD = "sharpness"
# Narrower figures have their panels one above the other.
NARROW = 6.0
PANEL_HEIGHT, LEGEND_HEIGHT = 1.5, 0.7
MEETING: dict[str, Any] = {"linestyle": ":", "linewidth": 1.0}


def draw_study(
    study: Study | Sequence[Study],
    panels: Sequence[str] | None = None,
    width: float | str = "text",
    *,
    height: float | None = None,
    xscale: str = "log",
    colors: Colors | None = None,
    style: Style | None = None,
    **line: Any,
) -> Figure:
    """Draw what sets the descents of a study apart from its flow, in panels over one axis of flow time.

    Losses and distances are as in `draw_losses` and `draw_distance`. The sharpness stands beside the limit
    of each descent; where the flow's sharpness rises to it, a dotted line in the descent's color crosses
    all panels. Panels have letters and one legend above them; they stand side by side in figures of at
    least 6 inches, else one above the other.

    Parameters
    ----------
    study : Study, or a sequence of them
        As `gradflow.study` returns it. Several with equal learning rates, from several seeds, are drawn as
        medians and as bands that hold all of them.
    panels : sequence of {"loss", "sharpness", "distance"}, optional
        In their order; by default all that the study has. The sharpness must have been recorded:
        ``gradflow.study(..., record={"sharpness": gradflow.records.sharpness()})``.
    width : float or {"column", "text"}
        In inches; a column is 3.25, a page's text 6.75.
    height : float, optional
        In inches; 1.5 a panel and 0.7 for the legend by default.
    xscale : {"log", "linear"}
        Of flow time.
    colors, style, **line
        As of `draw_losses`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a panel is unknown or the study has nothing for it, or studies differ in their learning rates.
    """
    studies = [study] if not isinstance(study, Sequence) else list(study)
    chosen = _checked(studies, panels)
    stacked = inches(width) < NARROW
    rows, columns = (len(chosen), 1) if stacked else (1, len(chosen))
    tall = PANEL_HEIGHT * rows + LEGEND_HEIGHT if height is None else height
    shape: dict[str, Any] = {"sharex": True, "style": style}
    figure, axes = new_figure(columns, width, tall, rows, **shape)
    looks: dict[str, Any] = {"xscale": xscale, "colors": colors, **line}
    with in_style(style):
        for name, ax in zip(chosen, axes, strict=True):
            DRAWINGS[name](studies, ax, looks)
        if len(studies) == 1:
            _mark_meetings(studies[0], list(axes), colors)
        for ax in axes[:-1] if stacked else []:
            ax.set_xlabel("")
        if len(chosen) > 1:
            letter_panels(axes)
        if "distance" in chosen and np.isfinite(studies[0].limit) and len(studies) == 1:
            axes[chosen.index("distance")].set_title(f"limit {studies[0].limit:.3g} at the start")
        share_legend(figure)
    return figure


def _checked(studies: list[Any], panels: Sequence[str] | None) -> list[str]:
    """Return the panels, once there is something for each of them."""
    if not studies or any(list(each.descents) != list(studies[0].descents) for each in studies):
        raise ValueError("`study` must be one or several with equal learning rates")
    runs = [run for study in studies for run in _runs(study).values()]
    there = {
        "loss": True,
        "sharpness": all(RECORD in run.records for run in runs),
        "distance": bool(studies[0].descents),
    }
    if panels is None:
        return [name for name in PANELS if there[name]]
    chosen = [panels] if isinstance(panels, str) else list(panels)
    if not chosen or any(name not in PANELS for name in chosen):
        raise ValueError(f"`panels` must be of {', '.join(PANELS)}, got {panels!r:.60}")
    if RECORD in chosen and not there[RECORD]:
        raise ValueError(
            "`study` must have recorded the sharpness to draw it: "
            'gradflow.study(..., record={"sharpness": gradflow.records.sharpness()})'
        )
    if "distance" in chosen and not there["distance"]:
        raise ValueError("`study` must hold a descent to draw its distance to the flow, got none")
    return chosen


def _runs(study: Study) -> dict[str, Trajectory]:
    return {"flow": study.flow, **{_label(rate): run for rate, run in study.descents.items()}}


def _label(rate: float) -> str:
    return rf"$\eta = {rate:.4g}$"


def _draw_losses(studies: list[Study], ax: Axes, looks: dict[str, Any]) -> None:
    if len(studies) == 1:
        draw_losses(_runs(studies[0]), ax=ax, **looks)
    else:
        bands.draw_bands(_groups(studies), ax=ax, **looks)


def _draw_distances(studies: list[Study], ax: Axes, looks: dict[str, Any]) -> None:
    found: dict[str, list[Comparison]] = {
        _label(rate): [study.comparisons[rate] for study in studies] for rate in studies[0].descents
    }
    if len(studies) == 1:
        draw_distance({label: one for label, (one,) in found.items()}, ax=ax, **looks)
    else:
        bands.draw_bands(found, ax=ax, **looks)


def _draw_sharpness(studies: list[Study], ax: Axes, looks: dict[str, Any]) -> None:
    if len(studies) == 1:
        draw_sharpness(_runs(studies[0]), record=RECORD, ax=ax, **looks)
        return
    groups = _groups(studies)
    bands.draw_bands(groups, record=RECORD, ax=ax, **looks)
    ax.set(yscale="linear", ylabel=SHARPNESS)
    firsts = [group[0] for group in groups.values()]
    for label, look in bands.looks_of(groups, looks["colors"], {}).items():
        if (limit := limit_of(groups[label][0])) is not None:
            ax.axhline(limit[0], **{**LIMIT_LINE, "color": look["color"]})
    for product in sorted({product for run in firsts if (product := stable_product_of(run))}):
        ax.plot([], [], label=limit_label(product), **LIMIT_LINE)
    set_sharpness_limits(ax, [run for group in groups.values() for run in group], RECORD)


def _groups(studies: list[Study]) -> dict[str, list[Trajectory]]:
    runs = [_runs(study) for study in studies]
    return {label: [each[label] for each in runs] for label in runs[0]}


def _mark_meetings(study: Study, axes: list[Axes], colors: Colors | None) -> None:
    """Mark in all panels when the flow's sharpness rises to the limit of each descent."""
    runs = _runs(study)
    if RECORD not in study.flow.records:
        return
    looks = lines(runs, colors)
    for label, run in list(runs.items())[1:]:
        time = meeting_time(study.flow, run, RECORD)
        if time is not None:
            for ax in axes:
                ax.axvline(time, color=looks[label]["color"], zorder=1, **MEETING)
    if any(meeting_time(study.flow, run, RECORD) is not None for run in study.descents.values()):
        axes[0].plot([], [], label="flow meets the limit", **{**LIMIT_LINE, **MEETING})


DRAWINGS = {"loss": _draw_losses, "sharpness": _draw_sharpness, "distance": _draw_distances}
