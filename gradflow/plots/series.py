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


def _of_panel(panel: int, ax: Axes) -> list[Series]:
    from matplotlib.collections import PathCollection, QuadMesh

    drawn: list[tuple[Any, tuple[Any, ...]]] = [
        (line, line.get_data()) for line in ax.lines if line.get_transform() == ax.transData
    ]
    clouds = [each for each in ax.collections if isinstance(each, PathCollection)]
    drawn += [(each, tuple(np.asarray(each.get_offsets()).T)) for each in clouds]
    drawn += [(each, _of_mesh(each)) for each in ax.collections if isinstance(each, QuadMesh)]
    drawn += [(each, _of_image(each)) for each in ax.images if np.asarray(each.get_array()).ndim == 2]
    title = ax.get_title() or ax.get_title(loc="left") or ax.get_ylabel()
    return [
        Series(panel, title, _name(artist.get_label()), *map(_numbers, found))
        for artist, found in drawn
        if np.size(found[0])
    ]


def _of_mesh(mesh: Any) -> tuple[Any, ...]:
    """Return the centers of the cells and their values, row by row; cells without values are left out."""
    corners = mesh.get_coordinates()
    centers = 0.25 * (corners[1:, 1:] + corners[1:, :-1] + corners[:-1, 1:] + corners[:-1, :-1])
    if np.size(mesh.get_array()) != centers[..., 0].size:
        return (np.empty(0), np.empty(0))
    return (centers[..., 0], centers[..., 1], mesh.get_array())


def _of_image(image: Any) -> tuple[Any, ...]:
    values = image.get_array()
    rows, columns = np.indices(np.shape(values)[:2])
    return (columns, rows, values)


def _name(label: object) -> str:
    """Return a label that a person gave."""
    return "" if str(label).startswith("_") else str(label)


def _numbers(values: Any) -> Array:
    filled = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
    return np.ravel(filled)
