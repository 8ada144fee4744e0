"""Legends that cover no curve, one for all panels where they share it, and letters of panels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.plots.style import DARK, DIVERGED, DIVERGED_MARK, in_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

# The layout is not known yet when a legend is placed: it keeps this share of its size free around it.
MARGIN = 0.15
MOST_COLUMNS = 6
PLACE = "place of the legend"


def legend(ax: Axes, handles: Sequence[Any] | None = None, *, above: bool = False) -> Legend:
    """Explain the lines where no curve runs: inside the axes if there is such a place, else above them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    handles : sequence of artists, optional
        What is explained, with its labels; everything with a label by default.
    above : bool
        Above in any case.

    Returns
    -------
    matplotlib.legend.Legend
    """
    entries = _entries([ax]) if handles is None else _by_label(handles)
    _remove(ax)
    if not above:
        inside = ax.legend(entries.values(), entries.keys())
        if not _covers(inside, ax):
            return inside
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
    for columns in _columns(len(entries)):
        options: dict[str, Any] = {"ncols": columns, "columnspacing": 1.0, "frameon": False}
        found = ax.legend(entries.values(), entries.keys(), **place, **options)
        if columns == 1 or found.get_window_extent().width <= ax.bbox.width:
            break
    _raise_title(ax, found)
    return found


def _raise_title(ax: Axes, legend: Legend) -> None:
    """Keep the place of the legend free of a title, now or later: titles stand above all inset axes."""
    from matplotlib.transforms import ScaledTranslation

    height = legend.get_window_extent().height / ax.figure.dpi
    above: Any = ax.transAxes
    corner = ax.figure.dpi_scale_trans + ScaledTranslation(0.0, 1.0, above)
    ax.inset_axes((0.0, 0.0, 0.01, height), transform=corner, label=PLACE).set_axis_off()


def _remove(ax: Axes) -> None:
    """Take away the legend and the place kept for it."""
    if (own := ax.get_legend()) is not None:
        own.remove()
    for inset in [each for each in ax.child_axes if each.get_label() == PLACE]:
        inset.remove()


def share_legend(
    figure: Figure, axes: Iterable[Axes] | None = None, *, handles: Sequence[Any] | None = None
) -> Legend | None:
    """Put one legend above all panels in place of their own, each label once, and return it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        With a constrained layout, as `new_figure` makes it.
    axes : iterable of Axes, optional
        The panels that share it; all by default.
    handles : sequence of artists, optional
        What is explained, with its labels; by default what the panels explain.

    Returns
    -------
    matplotlib.legend.Legend or None
        None where nothing has a label.
    """
    panels = figure.axes if axes is None else list(axes)
    entries = _entries(panels) if handles is None else _by_label(handles)
    for ax in panels:
        _remove(ax)
    if not entries:
        return None
    with in_style():
        for columns in _columns(len(entries)):
            found = figure.legend(
                entries.values(),
                entries.keys(),
                loc="outside upper center",
                ncols=columns,
                columnspacing=1.2,
                frameon=False,
            )
            if columns == 1 or found.get_window_extent().width <= 0.97 * figure.bbox.width:
                break
            found.remove()
    return found


def settle_legends(figure: Figure) -> None:
    """Move the legends that cover a curve, now that all is drawn, above their axes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    """
    with in_style():
        figure.draw_without_rendering()
        for ax in figure.axes:
            own = ax.get_legend()
            if own is not None and _covers(own, ax):
                legend(ax, above=True)


def letter_panels(axes: Iterable[Axes]) -> None:
    """Put (a), (b), (c), ... before the titles of panels, at their left.

    Parameters
    ----------
    axes : iterable of matplotlib.axes.Axes
        In their sequence.
    """
    with in_style():
        for place, ax in enumerate(axes):
            title = ax.get_title() or ax.get_title(loc="left")
            ax.set_title("")
            ax.set_title(f"({chr(ord('a') + place)}) {title}".rstrip(), loc="left")


def _columns(count: int) -> list[int]:
    """Return the numbers of columns to be tried, widest first, that leave no row nearly empty."""
    even = {-(-count // -(-count // columns)) for columns in range(1, min(count, MOST_COLUMNS) + 1)}
    return sorted(even, reverse=True)


def _by_label(handles: Sequence[Any]) -> dict[str, Any]:
    return {str(each.get_label()): each for each in handles}


def _entries(panels: Sequence[Axes]) -> dict[str, Any]:
    """Return what is explained by its label, the mark of divergence last and of no run's color."""
    from matplotlib.lines import Line2D

    found: dict[str, Any] = {}
    for ax in panels:
        handles, labels = ax.get_legend_handles_labels()
        for handle, label in zip(handles, labels, strict=True):
            found.setdefault(label, handle)
    if found.pop(DIVERGED, None) is not None:
        found[DIVERGED] = Line2D([], [], color=DARK, label=DIVERGED, **DIVERGED_MARK)
    return found


def _covers(legend: Legend, ax: Axes) -> bool:
    """Return whether a curve runs behind the legend."""
    box = legend.get_window_extent()
    box = box.expanded(1 + MARGIN, 1 + MARGIN)
    paths: list[Any] = [
        line.get_transform().transform_path(line.get_path()) for line in ax.get_lines() if line.get_visible()
    ]
    return any(
        path.intersects_bbox(box, filled=False) or _points_in(path.vertices, box)
        for path in paths
        if len(path.vertices)
    )


def _points_in(points: Any, box: Any) -> bool:
    x, y = np.asarray(points).T
    return bool(((x >= box.x0) & (x <= box.x1) & (y >= box.y0) & (y <= box.y1)).any())
