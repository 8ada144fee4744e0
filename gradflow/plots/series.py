"""What a figure shows, as numbers: every line, cloud of points and map of colors, with its place and name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Series:
    """One thing drawn.

    Attributes
    ----------
    panel : int
        Number of its axes in the figure, from 1.
    title, label : str
        Of the axes and of the series, as written.
    x, y : ndarray, shape (m,)
    value : ndarray, shape (m,), or None
        What the color of a map stands for.
    """

    panel: int
    title: str
    label: str
    x: Array
    y: Array
    value: Array | None = None


def shown_series(figure: Figure) -> list[Series]:
    """Return what each panel shows in units of its axes; limits across a whole panel are left out.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> from gradflow.plots.style import new_figure
    >>> figure, (ax,) = new_figure()
    >>> _ = ax.plot([0.0, 1.0], [2.0, 3.0], label="rise"), ax.axvline(0.5)
    >>> [(each.label, each.y.tolist()) for each in shown_series(figure)]
    [('rise', [2.0, 3.0])]
    """
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    return [each for place, ax in enumerate(panels, 1) for each in _of_panel(place, ax)]


def _of_panel(place: int, ax: Axes) -> list[Series]:
    from matplotlib.collections import PathCollection, QuadMesh

    title = ax.get_title() or ax.get_ylabel()
    found: list[Series] = []

    def add(label: Any, x: Any, y: Any, value: Any = None) -> None:
        name = "" if str(label).startswith("_") else str(label)
        numbers = [None if each is None else np.ravel(np.ma.filled(each, np.nan)) for each in (x, y, value)]
        found.append(Series(place, title, name, *numbers))  # type: ignore[arg-type]

    for line in ax.lines:
        if line.get_transform() == ax.transData and np.size(line.get_xdata()):
            add(line.get_label(), *(np.asarray(line.get_data(), dtype=np.float64)))
    for each in ax.collections:
        if isinstance(each, PathCollection):
            add(each.get_label(), *np.asarray(each.get_offsets()).T)
        elif isinstance(each, QuadMesh):
            corners = each.get_coordinates()
            centers = 0.25 * (corners[1:, 1:] + corners[1:, :-1] + corners[:-1, 1:] + corners[:-1, :-1])
            values = np.asarray(each.get_array())
            if values.size == centers[..., 0].size:
                add(each.get_label(), centers[..., 0], centers[..., 1], values)
    for image in ax.images:
        values = np.asarray(image.get_array())
        rows, columns = np.indices(values.shape[:2])
        if values.ndim == 2:
            add(image.get_label(), columns, rows, values)
    return found
